"""Whitening in two dimensions under the hand, what too few sentences do, and where a circle is the wrong shape."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import whitening_circle as figures
from dashboard.frames.labs import whitening_tables
from dashboard.parts.labs import lesson
from engine.embeddings.few_sentences import cosine_spread, whitened_cosines
from engine.embeddings.similarity import unit_rows
from engine.embeddings.whitening import fit_whitening

TITLE = "How does an ellipse become a circle?"
SENTENCE = "Whitening moves the mean to zero and makes every direction equally wide: then angles tell sentences apart."
CHINESE = "白化：把椭圆变成圆"
NOTE = """A cosine presumes that the coordinates are uncorrelated and of one scale. The mean and covariance of the
vectors tell how far that is from true; whitening is the linear map after which both are as presumed. In two
dimensions one sees all of it."""
FORMULA = r"\tilde x=(x-\beta\mu)\,U\Lambda^{-\gamma/2},\qquad \Sigma=U\Lambda U^\top"
SOURCE = (
    "[kexue.fm/archives/8069](https://kexue.fm/archives/8069), Su et al. 2021, "
    "[arXiv 2103.15316](https://arxiv.org/abs/2103.15316)"
)
POINTS = 150
CODE = """
import numpy as np

mean = vectors.mean(axis=0)
u, s, _ = np.linalg.svd(np.cov(vectors - mean, rowvar=False))
kernel = (u / np.sqrt(s))[:, :256]       # the 256 widest directions
whitened = (vectors - mean) @ kernel
"""


@st.cache_resource(show_spinner=False, max_entries=64)
def moved(correlation: float, distance: float) -> tuple[list[figures.Step], go.Figure]:
    """Random vectors with this correlation around a mean this far from zero, on their way to a circle."""
    rng = np.random.default_rng(3)
    covariance = np.array([[1, correlation], [correlation, 1]])
    vectors = rng.multivariate_normal([distance, distance / 3], covariance, size=POINTS)
    raw, white = unit_rows(vectors), unit_rows(fit_whitening(vectors).transform(vectors))
    pair = np.unravel_index((raw @ raw.T - white @ white.T).argmax(), (POINTS, POINTS))  # it comes first
    vectors = np.concatenate([vectors[list(pair)], np.delete(vectors, pair, axis=0)])
    found = figures.steps(vectors)
    return found, figures.circle(found)


@st.cache_resource(show_spinner=False, max_entries=16)
def few(width: int) -> tuple[go.Figure, float, float]:
    """Spread of cosines against the number of sentences; the largest spread up to width + 1, and at eight times it."""
    counts = sorted({max(3, round(width * share)) for share in (0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8)} | {width + 1})
    rng = np.random.default_rng(0)
    drawn = [float(whitened_cosines(rng.standard_normal((n, width))).std()) for n in counts]
    exact = [cosine_spread(n, width) for n in counts]
    figure = figures.few_sentences(counts, exact, drawn, width)
    return figure, max(value for n, value in zip(counts, drawn, strict=True) if n <= width + 1), drawn[-1]


def show_circle() -> None:
    """The ellipse."""
    left, right = st.columns(2)
    correlation = left.slider(
        "Correlation of the two coordinates", 0.0, 0.95, 0.85, 0.05, key="whitening_circle_rho", bind="query-params"
    )
    distance = right.slider(
        "Distance of the mean from zero", 0.0, 4.0, 2.5, 0.5, key="whitening_circle_mean", bind="query-params"
    )
    found, figure = moved(correlation, distance)
    first, middle, last = found[0], found[len(found) // 2], found[-1]
    words, picture = st.columns([2, 3])
    with picture:
        lesson.titled(
            figure,
            "Drag β, then γ: the mean goes to zero, the ellipse becomes a circle",
            key="whitening_circle_plot",
            alt="Points with their ellipse of two standard deviations, moving to a circle around zero",
        )
    with words:
        lesson.reading(
            see=f"{POINTS} vectors, their ellipse, and in red the pair that changes most. The first half of "
            f"the slider subtracts "
            f"the mean, the second makes both directions equally wide. The cosine of the two goes from "
            f"{first.pair_cosine:+.2f} over {middle.pair_cosine:+.2f} to {last.pair_cosine:+.2f}.",
            theory=f"after whitening the mean is 0 and the covariance is 1 exactly, so inner products of different "
            f"sentences average −2/n = {-2 / POINTS:.3f}: no pair is similar only because all are.",
            measured=f"mean cosine of all {POINTS * (POINTS - 1) // 2:,} pairs: {first.mean_cosine:+.3f} as they are, "
            f"{middle.mean_cosine:+.3f} without the mean, {last.mean_cosine:+.3f} whitened.",
            apart="a covariance of 1 is what cosines presume, not a proof that they agree with people: below, one data "
            "set where they then agree less.",
        )
        st.markdown("**Good for:** similarity and search without training. A trained classifier undoes the map itself.")


def show_few() -> None:
    """Too few sentences for the width."""
    st.subheader("How many sentences does the covariance need?", anchor=False)
    width = st.slider("Width of the vectors", 8, 96, 64, 8, key="whitening_circle_width", bind="query-params")
    lesson.predict(
        f"whiten {width} sentences of width {width}. What do the cosines of their pairs tell?",
        ["most of what they told", "a little", "nothing"],
        right="nothing",
        because=f"Up to width + 1 sentences become the corners of a regular simplex: every pair has cosine −1/(n−1) = "
        f"{-1 / (width - 1):.3f}, whatever the sentences say.",
        key="whitening_circle_guess",
    )
    figure, few_spread, many_spread = few(width)
    words, picture = st.columns([2, 3])
    with picture:
        lesson.titled(
            figure,
            "Spread of the cosines of the very sentences that the statistics come from",
            key="whitening_circle_few",
            alt="Standard deviation of whitened cosines against the number of sentences",
        )
    with words:
        lesson.reading(
            see=f"no spread at all up to {width + 1} sentences, then a rise towards 1/√{width} = {width**-0.5:.3f}.",
            theory=f"the spread is √(1/d − 1/(n−1)) for n > d + 1 = {width + 1} Gaussian vectors, and 0 below.",
            measured=f"one random set for each number: at most {few_spread:.1e} up to {width + 1} sentences, "
            f"{many_spread:.4f} at {8 * width} (law {cosine_spread(8 * width, width):.4f}).",
            apart="real vectors are not Gaussian: above the width their spread differs, below it is 0 all the same.",
        )
        st.markdown(
            "**Rule:** take many more sentences than dimensions (BERT: 768), or keep fewer components than sentences."
        )


def show_published() -> None:
    """Where whitening helps in the published table, and why BQ loses."""
    papers = queries.published(queries.store_version(), "whitening")
    gains = whitening_tables.published_gains(papers) if papers.height else papers
    if gains.is_empty():
        st.caption("The published tables come into the store with its first run.")
        return
    st.subheader("Where is a circle the wrong shape?", anchor=False)
    lesson.titled(
        figures.published_gains(gains),
        "Published: what full whitening changes, a dot for each encoder and pooling",
        key="whitening_circle_published",
        alt="Points gained by whitening on five Chinese sets",
    )
    lost = {
        name: ((part := gains.filter(dataset=name))["full"] < 0).sum() / max(1, part.height) for name in figures.SETS
    }
    bq = gains.filter(dataset="bq")
    reduced = bq.filter(bq["reduced"] < 0).height
    st.markdown(
        f"On BQ full whitening loses in **{(bq['full'] < 0).sum()} of {bq.height}** published rows (median "
        f"{bq['full'].median():+.1f} points), with 256 components in {reduced}; on the other sets it loses in "
        + ", ".join(f"{100 * share:.0f} % ({figures.SETS[name]})" for name, share in lost.items() if name != "bq")
        + ". Whitening gives every direction the same weight, narrow ones too. BQ has questions to one bank, much "
        "alike: what is common to most of them is small in variance and is blown up, while what tells them apart lies "
        "in the wide directions. That fits the table, and that cutting to 256 loses less; it is an explanation, not a "
        "proof. Isotropy is an assumption, and BQ does not meet it."
    )


def show() -> None:
    """The chapter below its title."""
    show_circle()
    show_few()
    show_published()
    lesson.take_along(CODE, reference=SOURCE)
