"""Stored sentence vectors, whitened live: curve over dimensions, spectrum, cosines, a plane, the worst pairs."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import whitening as figures
from dashboard.frames.labs import stored_vectors
from dashboard.parts import downloads, plots
from dashboard.parts.labs import whitening_pickers
from engine.embeddings.similarity import rank_gaps

TITLE = "Which part of whitening does the work?"
SENTENCE = (
    "Move the mean, the spectrum and the number of components, and see the correlation on kept test pairs at once."
)
CHINESE = "实时白化"
NOTE = """An evaluation keeps the vectors of some test pairs and the mean and covariance of all its sentences. The
sliders fit a whitening from these statistics and apply it to the kept pairs at once: beta = gamma = 1 is whitening,
beta = gamma = 0 only rotates (so that cutting components is all that changes anything)."""
FORMULA = r"\cos\big((x-\beta\mu)W,\ (y-\beta\mu)W\big),\qquad W=U\Lambda^{-\gamma/2}[:,:k]"
SOURCE = "[post 9079](https://kexue.fm/archives/9079) for beta and gamma"
MOST_DRAWN = 300


def show() -> None:
    """The chapter below its title."""

    @st.cache_data(show_spinner=False, max_entries=64)
    def raw_score(*kept: str) -> tuple[float, float, float]:
        """Of the vectors as they are; kept names the run, the set and the pooling."""
        return stored_vectors.score(stored.pairs, before)

    @st.cache_data(show_spinner=False, max_entries=256)
    def components_curve(*setting: str | float) -> pl.DataFrame:
        """Scores by components; setting names the run, the set, the pooling, the statistics, beta and gamma."""
        return stored_vectors.curve(stored, full)

    version = queries.store_version()
    run_id, dataset, stored = whitening_pickers.pick_vectors(version, "whitening_vectors")
    chosen, full, statistics = whitening_pickers.pick_whitening(stored, "whitening_vectors")
    before, after = stored_vectors.cosines(stored, None), stored_vectors.cosines(stored, chosen)
    kept = (run_id, dataset, st.session_state.whitening_vectors_pooling)
    raw, now = raw_score(*kept), stored_vectors.score(stored.pairs, after)
    gold = stored.gold
    similar = gold >= (gold.min() + gold.max()) / 2
    k = chosen.kernel.shape[1]
    with st.container(horizontal=True):
        st.metric("Spearman, raw", words.percent(raw[0]), help=f"95 % interval {raw[1]:.3f} to {raw[2]:.3f}")
        st.metric(
            "Spearman, whitened",
            words.percent(now[0]),
            delta=f"{100 * (now[0] - raw[0]):+.2f} points" if now[0] == now[0] else None,
            help=f"95 % interval {now[1]:.3f} to {now[2]:.3f}",
        )
        st.metric("Mean cosine, raw", f"{before.mean():.3f}")
        st.metric("Mean cosine, whitened", f"{after.mean():.3f}")
        st.metric("Effective rank", f"{chosen.effective_rank:.1f} of {stored.width}")
    count = stored.statistics[statistics].count
    st.caption(
        f"{stored.pairs.height:,} kept test pairs of {dataset}; mean and covariance of {count:,} "
        f"sentences ({statistics}"
        f"{', transductive' if statistics in ('target', 'test') else ''}). 95 % intervals of "
        f"Spearman: raw {100 * raw[1]:.1f} to {100 * raw[2]:.1f}, whitened {100 * now[1]:.1f} to {100 * now[2]:.1f}. "
        "Scores of the whole set: page Scores."
    )
    left, right = st.columns(2)
    with left:
        st.subheader("Spearman against the number of components", anchor=False)
        curve = components_curve(*kept, statistics, full.beta, st.session_state.whitening_vectors_gamma)
        plots.show(
            figures.components(curve, raw=raw[0], chosen=k),
            key="whitening_vectors_curve",
            alt="Spearman with interval against the number of components",
        )
    with right:
        st.subheader("Spectrum of the covariance", anchor=False)
        plots.show(
            figures.spectrum(chosen.eigenvalues, rank=chosen.rank, chosen=k),
            key="whitening_vectors_spectrum",
            alt="Eigenvalues of the covariance, largest first",
        )
    left, right = st.columns(2)
    with left:
        st.subheader("Cosines before and after", anchor=False)
        plots.show(
            figures.histograms(before, after, similar),
            key="whitening_vectors_cosines",
            alt="Histograms of cosines of similar and dissimilar pairs, raw and whitened",
        )
    with right:
        st.subheader("On a plane", anchor=False)
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
                alt="First two components of the sentences, the two of a pair joined",
            )
    st.subheader("Worst-ranked pairs", anchor=False)
    st.caption("Pairs whose place by cosine is farthest from their place by gold score; positive: called too similar.")
    worst = stored.pairs.with_columns(
        gap=pl.Series(rank_gaps(after, gold)), cosine=pl.Series(after), raw_cosine=pl.Series(before)
    )
    worst = worst.sort(pl.col("gap").abs(), descending=True).select(
        "gap", "gold", "cosine", "raw_cosine", "sentence1", "sentence2"
    )
    formats = {name: st.column_config.NumberColumn(format="%.3f") for name in ("gap", "cosine", "raw_cosine")}
    st.dataframe(
        worst.head(100),
        key="whitening_vectors_worst",
        hide_index=True,
        column_config=formats,
        height=360,
        alt="Worst-ranked pairs",
    )
    downloads.download(worst, "whitening_worst_pairs")
