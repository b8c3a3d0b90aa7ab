"""Stored sentence vectors, whitened live: curve over dimensions, spectrum, cosines, a plane, the worst pairs."""

from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import whitening as figures
from dashboard.frames.labs import stored_vectors
from dashboard.frames.labs.stored_vectors import StoredVectors
from dashboard.parts import downloads, plots
from dashboard.parts.labs import whitening_pickers
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.embeddings.intrinsic_dimension import Dimension, two_nearest_dimension
from engine.embeddings.similarity import rank_gaps
from engine.embeddings.whitening import Whitening

CODE = """
import numpy as np

eigenvalues, u = np.linalg.eigh(np.cov(vectors, rowvar=False))
eigenvalues, u = eigenvalues[::-1], u[:, ::-1]
kernel = (u * eigenvalues ** (-gamma / 2))[:, :k]            # gamma 0 only rotates, 1 whitens
whitened = (vectors - beta * vectors.mean(axis=0)) @ kernel
"""
MOST_DRAWN = 300
MOST_NEIGHBOURS = 1000


@st.cache_data(show_spinner=False, max_entries=64)
def raw_score(_stored: StoredVectors, *kept: str) -> tuple[float, float, float]:
    """Of the vectors as they are; kept names the run, the set and the pooling."""
    return stored_vectors.score(_stored.pairs, stored_vectors.cosines(_stored, None))


@st.cache_data(show_spinner=False, max_entries=256)
def components_curve(_stored: StoredVectors, _full: Whitening, *setting: str | float) -> pl.DataFrame:
    """Scores by components; setting names the run, the set, the pooling, the statistics, beta and gamma."""
    return stored_vectors.curve(_stored, _full)


@st.cache_data(show_spinner=False, max_entries=64)
def intrinsic(_stored: StoredVectors, *kept: str) -> Dimension | None:
    """Intrinsic dimension of the set's sentences; None where it cannot be told."""
    try:
        return two_nearest_dimension(_stored.sentences()[1][:MOST_NEIGHBOURS])
    except ValueError:
        return None


def show_scores(raw: tuple[float, ...], now: tuple[float, ...], before: np.ndarray, after: np.ndarray) -> None:
    """Correlation and mean cosine, before and after."""
    with st.container(horizontal=True):
        st.metric("Spearman, raw", words.percent(raw[0]), help=f"95 % interval {raw[1]:.3f} to {raw[2]:.3f}")
        st.metric(
            "Spearman, whitened",
            words.percent(now[0]),
            delta=f"{100 * (now[0] - raw[0]):+.2f} points" if now[0] == now[0] else None,
            help=f"95 % interval {now[1]:.3f} to {now[2]:.3f}" if now[0] == now[0] else "all cosines are equal",
        )
        st.metric("Mean cosine, raw", f"{before.mean():.3f}")
        st.metric("Mean cosine, whitened", f"{after.mean():.3f}")


def show_curves(curve: pl.DataFrame, raw: float, chosen: Whitening) -> None:
    """Correlation against the components, and the spectrum."""
    left, right = st.columns(2)
    k = chosen.kernel.shape[1]
    plots.show(
        figures.components(curve, raw=raw, chosen=k),
        key="whitening_vectors_curve",
        title="How many components agree best with people?",
        alt="Spearman with interval against the number of components",
        place=left,
    )
    plots.show(
        figures.spectrum(chosen.eigenvalues, rank=chosen.rank, chosen=k),
        key="whitening_vectors_spectrum",
        title=f"How fast does the variance fall? {k} of {chosen.rank} components are kept",
        alt="Eigenvalues of the covariance, largest first",
        place=right,
    )


def picture() -> Reading:
    """Stored vectors, whitened at once."""
    version = queries.store_version()
    above, shown, below = st.container(), st.container(), st.container()
    with below:
        run_id, dataset, stored = whitening_pickers.pick_vectors(version, "whitening_vectors")
    with above:
        chosen, full, statistics = whitening_pickers.pick_whitening(stored, "whitening_vectors")
    before, after = stored_vectors.cosines(stored, None), stored_vectors.cosines(stored, chosen)
    kept = (run_id, dataset, st.session_state.whitening_vectors_pooling)
    raw, now = raw_score(stored, *kept), stored_vectors.score(stored.pairs, after)
    curve = components_curve(stored, full, *kept, statistics, full.beta, st.session_state.whitening_vectors_gamma)
    with shown:
        show_curves(curve, raw[0], chosen)
        show_scores(raw, now, before, after)
    return reading(stored, chosen, statistics, raw, now, intrinsic(stored, *kept), dataset)


def told(score: tuple[float, ...], *, interval: bool = False) -> str:
    """A correlation in words, with its interval where asked; there is none of cosines that are all equal."""
    value, low, high = (100 * part for part in score)
    if np.isnan(value):
        return "not defined (all cosines are equal)"
    return f"{value:.1f}" + (f" (95 % {low:.1f} to {high:.1f})" if interval else "")


def reading(
    stored: StoredVectors,
    chosen: Whitening,
    statistics: str,
    raw: tuple[float, ...],
    now: tuple[float, ...],
    dimension: Dimension | None,
    dataset: str,
) -> Reading:
    """The words, with the numbers of the moment."""
    count, k = stored.statistics[statistics].count, chosen.kernel.shape[1]
    few = (
        f" **Too few: {count:,} sentences for a width of {stored.width} say little.**"
        if count < 4 * stored.width
        else ""
    )
    if dimension is None:
        inner = "the intrinsic dimension cannot be told from these vectors"
    else:
        inner = (
            f"by their two nearest neighbours the vectors have about **{dimension.value:.1f}** dimensions (95 % "
            f"{dimension.low:.1f} to {dimension.high:.1f}, n = {dimension.points:,} sentences), by their spectrum "
            f"{chosen.effective_rank:.1f}, of {stored.width}"
        )
    return Reading(
        see=f"with β = {{beta}}, γ = {{gamma}} and {k} components the correlation is {told(now)}; the raw vectors have "
        f"{told(raw)}.",
        theory="with β = γ = 0 a cosine changes only by the components that are dropped. "
        f"The mean and covariance come from {count:,} sentences ({statistics}).{few}",
        measured=f"{stored.pairs.height:,} kept test pairs of {dataset}: raw {told(raw, interval=True)}, now "
        f"{told(now, interval=True)}; {inner}.",
        apart="two neighbours see a small piece of a curved set, the spectrum sees all of it, so the first number is "
        "usually the smaller one. On few sentences it is too small.",
        drag={
            "beta": Number("whitening_vectors_beta", spaced(0, 1, 0.05), "β, share of the mean"),
            "gamma": Number("whitening_vectors_gamma", spaced(0, 1, 0.05), "γ, power of the spectrum"),
        },
    )


def again() -> tuple[StoredVectors, Whitening, Whitening, str] | None:
    """Vectors, the chosen and the full whitening and the statistics, as the page above has them."""
    state: dict[str, Any] = {name: st.session_state.get(f"whitening_vectors_{name}") for name in
             ("run", "set", "pooling", "statistics", "beta", "gamma", "components")}  # fmt: skip
    if state["run"] is None:
        return None
    stored = whitening_pickers.load(queries.store_version(), state["run"], state["set"], state["pooling"])
    rotation = stored.statistics[state["statistics"]].finish(beta=state["beta"], gamma=0.0)
    full = rotation.reduced(rotation.rank, gamma=state["gamma"])
    return stored, full.reduced(state["components"]), full, state["statistics"]


def show_cosines() -> None:
    """Cosines before and after, and the sentences on a plane."""
    found = again()
    if found is None:
        return
    stored, chosen, full, statistics = found
    gold = stored.gold
    similar = gold >= (gold.min() + gold.max()) / 2
    before, after = stored_vectors.cosines(stored, None), stored_vectors.cosines(stored, chosen)
    left, right = st.columns(2)
    plots.show(
        figures.histograms(before, after, similar),
        key="whitening_vectors_cosines",
        title="Does whitening tell similar pairs from others?",
        alt="Histograms of cosines of similar and dissimilar pairs, raw and whitened",
        place=left,
    )
    with right:
        view = st.segmented_control(
            "Vectors",
            ["whitened", "raw"],
            default="whitened",
            key="whitening_vectors_view",
            bind="query-params",
            required=True,
        )
        rows = np.arange(min(MOST_DRAWN, len(gold)))
        flat = full if view == "whitened" else stored.statistics[statistics].finish(n_components=2, gamma=0.0)
        points = np.stack([flat.transform(side[rows])[:, :2] for side in (stored.first, stored.second)])
        if points.shape[2] == 2:
            plots.show(
                figures.plane(points, stored.pairs, similar[rows]),
                key="whitening_vectors_plane",
                title="Do the two sentences of a pair lie together? First two components",
                alt="First two components of the sentences, the two of a pair joined",
            )


def show_worst() -> None:
    """Pairs whose place by cosine is farthest from their place by gold score."""
    found = again()
    if found is None:
        return
    stored, chosen, _, _ = found
    before, after = stored_vectors.cosines(stored, None), stored_vectors.cosines(stored, chosen)
    st.caption("Place by cosine less place by people's score, as a share of all pairs; positive: called too similar.")
    worst = stored.pairs.with_columns(
        gap=pl.Series(rank_gaps(after, stored.gold)), cosine=pl.Series(after), raw_cosine=pl.Series(before)
    )
    worst = worst.sort(pl.col("gap").abs(), descending=True).select(
        "gap", "gold", "cosine", "raw_cosine", "sentence1", "sentence2"
    )
    titles = {"gap": "gap of places", "gold": "people", "cosine": "cosine", "raw_cosine": "raw cosine"}
    formats = {
        name: st.column_config.NumberColumn(title, format="%.4g" if name == "gold" else "%.3f")
        for name, title in titles.items()
    }
    st.dataframe(
        worst.head(100),
        key="whitening_vectors_worst",
        hide_index=True,
        column_config=formats,
        height=360,
        alt="Worst-ranked pairs",
    )
    downloads.download(worst, "whitening_worst_pairs")


CHAPTER = Chapter(
    question="Which part of whitening does the work?",
    chinese="实时白化与内在维数 · mean, spectrum, dimension",
    lead="Remove the mean (β), equalise the spectrum (γ), drop components: how well do the cosines then agree with "
    "people's scores?",
    guess=Guess(
        question="which of the two raises the correlation more: the mean taken out, or the spectrum made flat?",
        answers=("the mean", "the spectrum", "it depends on the set"),
        right="it depends on the set",
        because="Set β and γ to 0 and 1 in turn: sets and encoders differ, and on BQ a flat spectrum costs.",
    ),
    picture=picture,
    good_for="choosing β, γ and k on a few hundred labelled pairs before whitening a large collection.",
    formula=r"\cos\big((x-\beta\mu)W,\ (y-\beta\mu)W\big),\quad W=U\Lambda^{-\gamma/2}[:,:k],\qquad "
    r"\hat D=\frac n{\sum\ln(r_2/r_1)}",
    code=CODE,
    reference="Su Jianlin, β and γ in [[9079]](https://kexue.fm/archives/9079), reduction in "
    "[[8069]](https://kexue.fm/archives/8069); intrinsic dimension: Facco et al. (2017), doi "
    "10.1038/s41598-017-11873-y.",
    more={"Cosines before and after, and the plane": show_cosines, "Worst-ranked pairs": show_worst},
    inside={"whitening_vectors_view": "Cosines before and after, and the plane"},
)
