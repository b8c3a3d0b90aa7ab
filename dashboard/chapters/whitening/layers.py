"""Pairs of layers as a heat map, and what reduced vectors cost and save in search."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import whitening as figures
from dashboard.figures.style import percent_axis
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs import whitening_pickers

TITLE = "Which layers, and how few dimensions, are enough?"
SENTENCE = "Scores for every pair of hidden layers, and what search still finds with shorter vectors."
CHINESE = "层的选择与检索"
NOTE = """**Layers:** the token means of two hidden states, averaged, for every two of them; 0 is the embedding
output, the diagonal is one layer alone. **Search:** the nearest sentences of a set at full and reduced dimensions.
Recall is the share of the ten neighbours at full dimension that are still found; MRR says how high the sentence stands
that people call similar; *rotated* is beta = gamma = 0, the pure reduction."""
FORMULA = r"x=\tfrac12\big(\bar h^{(a)}+\bar h^{(b)}\big),\ \mathrm{MRR@10}=\frac1Q\sum_q \frac1{\mathrm{rank}_q}"
SOURCE = "Huang et al. 2021, [arXiv 2104.01767](https://arxiv.org/abs/2104.01767); Su et al. 2021, arXiv 2103.15316"
MEASURES = {
    "recall": "recall of the neighbours at full dimension",
    "mrr": "MRR of the similar sentence",
    "ms_per_query": "milliseconds a query",
    "bytes": "bytes of the vectors",
}


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()

    def show_layers() -> None:
        """Heat maps of a run of `layers`."""
        frame = queries.measurements(version, "layer_pairs", experiment="whitening")
        if frame.is_empty():
            headings.empty(whitening_pickers.EVALUATE.replace("evaluate", "layers"), "No pair of layers is scored yet.")
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            run_id = whitening_pickers.pick_run(version, frame["run_id"].unique().to_list(), "whitening_layers_run")
            frame = frame.filter(run_id=run_id)
            sets = frame["dataset"].unique(maintain_order=True).to_list()
            dataset = st.selectbox("Set", sets, key="whitening_layers_set", bind="query-params", width=150)
            average = st.selectbox(
                "Subsets", ["mean", "wmean", "all"], key="whitening_layers_average", bind="query-params", width=120
            )
        part = frame.filter((pl.col("dataset") == dataset) & (pl.col("average") == average))
        for column, kind in zip(st.columns(2), ("none", "whitened"), strict=True):
            with column:
                top = part.filter(whitening=kind).sort("value", descending=True).row(0, named=True)
                st.markdown(f"**{kind}**, Spearman × 100")
                low, high = (words.UNSET if top[name] is None else f"{100 * top[name]:.1f}" for name in ("low", "high"))
                st.caption(
                    f"★ best pair {100 * top['value']:.1f} (95 % {low} to {high}{words.over(top['n'], 'pair')}). "
                    "Each map has colours of its own."
                )
                plots.show(
                    figures.layer_pairs(part, whitening=kind),
                    key=f"whitening_layers_{kind}",
                    alt=f"Spearman of every pair of layers, {kind}",
                )
        downloads.download(part, "layer_pairs")

    def show_search() -> None:
        """Curves and table of a run of `retrieval`."""
        frame = queries.measurements(version, "retrieval", experiment="whitening")
        if frame.is_empty():
            headings.empty(whitening_pickers.EVALUATE.replace("evaluate", "retrieval"), "No search is measured yet.")
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            run_id = whitening_pickers.pick_run(version, frame["run_id"].unique().to_list(), "whitening_search_run")
            frame = frame.filter(run_id=run_id)
            sets = frame["dataset"].unique(maintain_order=True).to_list()
            dataset = st.selectbox("Set", sets, key="whitening_search_set", bind="query-params", width=150)
        part = frame.filter(dataset=dataset)
        places = [*st.columns(2), *st.columns(2)]
        for column, (metric, name) in zip(places, MEASURES.items(), strict=True):
            figure = figures.retrieval(part, metric=metric, title=name)
            if metric == "recall":
                percent_axis(figure)
            plots.show(
                figure, key=f"whitening_search_{metric}", alt=f"{name} against the number of dimensions", place=column
            )
        st.caption(f"Means{words.over(part['n'].max(), 'search')}; bars: 95 % intervals.")
        wide = part.pivot("metric", index=["vectors", "n_components", "backend", "k"], values="value")
        st.dataframe(
            wide, key="whitening_search_table", hide_index=True, height="content", alt="Search at every dimension"
        )
        downloads.download(wide, "retrieval")

    layers, search = st.tabs(
        ["Pairs of layers", "Search"], key="whitening_layers_tab", on_change="rerun", bind="query-params"
    )
    with layers:
        show_layers()
    with search:
        show_search()
