"""Pairs of layers as a heat map, and what reduced vectors cost and save in search."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import whitening as figures
from dashboard.figures.style import percent_axis
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs import stored_table, whitening_pickers
from dashboard.parts.labs.form import Chapter, Guess, Reading

CODE = """
import torch

states = model(**tokens, output_hidden_states=True).hidden_states        # 0 is the embedding output
mask = tokens["attention_mask"][..., None]
a, b = ((states[layer] * mask).sum(1) / mask.sum(1) for layer in (1, -1))
vectors = (a + b) / 2                                                    # first-last-avg
"""
KINDS = {"none": "Raw", "whitened": "Whitened"}
MEASURES = {
    "recall": "recall of the neighbours at full dimension",
    "mrr": "MRR of the similar sentence",
    "ms_per_query": "milliseconds a query",
    "bytes": "megabytes of the vectors",
}


def picture() -> Reading | None:
    """Heat maps of a run of `layers`."""
    version = queries.store_version()
    frame = queries.measurements(version, "layer_pairs", experiment="whitening")
    if frame.is_empty():
        headings.empty(whitening_pickers.LAYERS, "No pair of layers is scored yet.")
        return None
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
        best = part.filter(whitening=kind).sort("value", descending=True).row(0, named=True)
        plots.show(
            figures.layer_pairs(part, whitening=kind),
            key=f"whitening_layers_{kind}",
            title=f"{KINDS[kind]}: hidden states {best['first']} and {best['second']} score highest, "
            f"{100 * best['value']:.1f}",
            alt=f"Spearman of every pair of layers, {kind}",
            place=column,
        )
    st.caption("Cells: Spearman × 100. Each map has colours of its own.")
    downloads.download(part, "layer_pairs")
    return reading(part, dataset)


def reading(part: pl.DataFrame, dataset: str) -> Reading:
    """The words, with the best pairs and their intervals."""
    best = {kind: part.filter(whitening=kind).sort("value", descending=True).row(0, named=True) for kind in
            ("none", "whitened")}  # fmt: skip
    spans = []
    for kind, top in best.items():
        low, high = (None if top[name] is None else 100 * top[name] for name in ("low", "high"))
        spans.append(f"{kind} {100 * top['value']:.1f}{words.interval(low, high, '.1f')}{words.over(top['n'], 'pair')}")
    return Reading(
        see=f"the diagonal is one layer alone, 0 the embedding output; ★ marks the best pair on {dataset}.",
        theory="low layers keep the words, high ones the context. Which mixture agrees with people is a matter of "
        "measurement; WhiteningBERT recommends 1 and 12, BERT-whitening the first and the last.",
        measured="best pairs: " + "; ".join(spans) + ".",
        apart="the best of many pairs looks better than it is, because it is chosen on the pairs that score it. "
        "Neighbouring cells within the interval are not told apart.",
    )


def show_search() -> None:
    """Curves and table of a run of `retrieval`."""
    version = queries.store_version()
    frame = queries.measurements(version, "retrieval", experiment="whitening")
    if frame.is_empty():
        headings.empty(whitening_pickers.RETRIEVAL, "No search is measured yet.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = whitening_pickers.pick_run(version, frame["run_id"].unique().to_list(), "whitening_search_run")
        frame = frame.filter(run_id=run_id)
        sets = frame["dataset"].unique(maintain_order=True).to_list()
        dataset = st.selectbox("Set", sets, key="whitening_search_set", bind="query-params", width=150)
    megabytes = pl.when(pl.col("metric") == "bytes").then(pl.col("value") / 1e6).otherwise(pl.col("value"))
    part = frame.filter(dataset=dataset).with_columns(value=megabytes)
    places = [*st.columns(2), *st.columns(2)]
    for column, (metric, name) in zip(places, MEASURES.items(), strict=True):
        figure = figures.retrieval(part, metric=metric, title=name)
        if metric == "recall":
            percent_axis(figure)
        plots.show(
            figure,
            key=f"whitening_search_{metric}",
            title=f"How do the {name} depend on the dimensions?"
            if metric in ("ms_per_query", "bytes")
            else f"How does the {name} depend on the dimensions?",
            alt=f"{name} against the number of dimensions",
            place=column,
        )
    st.caption(
        f"{words.means(part['n'].max(), 'search')}. Recall: share of the ten neighbours at "
        "full dimension that are still found; *rotated* is β = γ = 0, the pure reduction. "
        "*blocked* is this project's search, *faiss* that library's; both are exact up to ties."
    )
    wide = part.pivot("metric", index=["vectors", "n_components", "backend", "k"], values="value")
    titles = {"vectors": "vectors", "n_components": "dimensions", "backend": "search"} | MEASURES
    stored_table.show(wide, titles, key="whitening_search_table", alt="Search at every dimension")
    downloads.download(wide, "retrieval")


CHAPTER = Chapter(
    question="Which layers, and how few dimensions, are enough?",
    chinese="层的选择与检索 · layers and search",
    lead="How well does each pair of hidden layers agree with people's scores, raw and whitened, and what does search "
    "find with shorter vectors?",
    guess=Guess(
        question="search with 64 of 256 dimensions. What changes least?",
        answers=("which ten neighbours come", "how high the right one stands", "the memory"),
        right="how high the right one stands",
        because="On LCQMC MRR@10 went from 0.787 to 0.778 while 58 % of the full top ten stayed.",
        measured="on 22 November 2026",
    ),
    picture=picture,
    good_for="choosing layers on a small labelled set, and knowing what a shorter vector costs in search.",
    formula=r"x=\tfrac12\big(\bar h^{(a)}+\bar h^{(b)}\big),\quad "
    r"\mathrm{MRR@10}=\frac1Q\sum_q\frac1{\mathrm{rank}_q}",
    code=CODE,
    reference="Huang et al. (2021), [arXiv 2104.01767](https://arxiv.org/abs/2104.01767), discussed in "
    "[[8715]](https://kexue.fm/archives/8715); Su et al. (2021), [arXiv 2103.15316](https://arxiv.org/abs/2103.15316).",
    more={"How few dimensions does search need?": show_search},
    inside={"whitening_search_": "How few dimensions does search need?"},
)
