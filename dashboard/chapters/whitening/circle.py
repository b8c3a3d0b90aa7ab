"""Whitening in two dimensions under the hand."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures.labs import whitening_circle as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.embeddings.similarity import unit_rows
from engine.embeddings.whitening import fit_whitening

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


def picture() -> Reading:
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
    lesson.titled(
        figure,
        "Drag β, then γ: the mean goes to zero, the ellipse becomes a circle",
        key="whitening_circle_plot",
        alt="Points with their ellipse of two standard deviations, moving to a circle around zero",
    )
    return Reading(
        see=f"{POINTS} vectors with a correlation of {{rho}} around a mean {{distance}} away from zero, and in red the "
        f"pair that changes most: its cosine goes from {first.pair_cosine:+.2f} over {middle.pair_cosine:+.2f} to "
        f"{last.pair_cosine:+.2f}. The first half of the slider subtracts the mean, the second makes both directions "
        "equally wide.",
        theory="after whitening the mean is 0 and the covariance is 1 exactly, so inner products of different "
        f"sentences average −2/n = {-2 / POINTS:.3f}: pairs are no longer alike merely because all vectors "
        f"point the same way.",
        measured=f"mean cosine of all n = {POINTS * (POINTS - 1) // 2:,} pairs of one random set: "
        f"{first.mean_cosine:+.3f} as they are, {middle.mean_cosine:+.3f} without the mean, {last.mean_cosine:+.3f} "
        "whitened. These are the pairs themselves, so there is no interval.",
        apart="a covariance of 1 is what cosines presume, not a proof that they agree with people: *Scores* shows one "
        "data set where they then agree less.",
        drag={
            "rho": Number("whitening_circle_rho", spaced(0, 0.95, 0.05), "correlation"),
            "distance": Number("whitening_circle_mean", spaced(0, 4, 0.5), "distance of the mean from zero"),
        },
    )


CHAPTER = Chapter(
    question="How does an ellipse become a circle?",
    chinese="白化：把椭圆变成圆 · whitening",
    lead="Whitening moves the mean of the vectors to zero and makes every direction equally wide, so that cosines "
    "tell sentences apart.",
    guess=Guess(
        question="all vectors lie far from zero on one side. What are their cosines?",
        answers=("near 0", "near 1", "spread out"),
        right="near 1",
        because="Seen from zero they all lie in one direction. That is the narrow cone of BERT's sentence vectors.",
    ),
    picture=picture,
    beside=True,
    good_for="similarity and search without training. A trained classifier undoes the map itself.",
    formula=r"\tilde x=(x-\beta\mu)\,U\Lambda^{-\gamma/2},\qquad \Sigma=U\Lambda U^\top",
    code=CODE,
    reference="Su Jianlin, [[8069]](https://kexue.fm/archives/8069), β and γ in "
    "[[9079]](https://kexue.fm/archives/9079);"
    " Su et al. (2021), [arXiv 2103.15316](https://arxiv.org/abs/2103.15316).",
)
