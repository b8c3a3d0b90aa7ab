"""Which head size reaches which attention pattern? Stored fits beside the candidate laws."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import dimension as figures
from dashboard.parts import downloads, headings, plots
from engine.dimension import entropy

TITLE = "How large must an attention head be?"
SENTENCE = "softmax(QKᵀ) of size L × d fitted to four attention patterns, beside four rules for d."
CHINESE = "注意力的 head_size"
NOTE = """softmax(QKᵀ) with free Q and K of size L × d is fitted to four kinds of attention patterns. The post equates
attention with a table of word pairs and concludes d > 8.33 ln L (52 for L = 512, near the usual 64). Other candidates:
half of it, because a row has one softmax; 1.61 ln L, because finding one key is easier; and L − 1, because a generic
dense pattern has that rank. Look at KL **and** norms: with growing norms even d = 2 gets every argmax of a permutation
right."""
FORMULA = r"\min_{Q,K}\ \frac1L\sum_i \mathrm{KL}\big(p_i\,\|\,\operatorname{softmax}(q_i K^\top)\big)"
SOURCE = "kexue.fm/archives/8711; arXiv 2002.07028 (d ≥ L); arXiv 2106.03764 (ln L for sparse patterns)"
COMMAND = "python -m jobs.dimension attention"


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    frame = queries.measurements(version, "attention_fit", experiment="dimension")
    if frame.is_empty():
        headings.empty(COMMAND, "No fits are stored yet (some minutes; with --quick a few seconds).")
        st.stop()
    frame = frame.unique(["head_size", "length", "pattern", "metric"], keep="first", maintain_order=True)
    needs = queries.measurements(version, "attention_need", experiment="dimension")
    measured = needs.filter(law="measured").unique(["length", "pattern"], keep="first", maintain_order=True)

    def growth(pattern: str) -> str:
        """`needed` from the shortest to the longest L of a pattern, with both candidate laws' growth."""
        part = measured.filter(pattern=pattern).sort("length")
        if part.height < 2:
            return f"{pattern}: not reached"
        first, last = part.row(0, named=True), part.row(-1, named=True)
        return (
            f"{pattern}: {first['value']:.1f} at L = {first['length']}, {last['value']:.1f} at L = {last['length']} "
            f"(× {last['value'] / first['value']:.1f}; "
            f"ln L grows × {np.log(last['length']) / np.log(first['length']):.1f}, "
            f"L × {last['length'] / first['length']:.0f})"
        )

    def verdict() -> str:
        """What the stored fits support, in one sentence."""
        shares = measured.with_columns(
            rule=pl.col("value") / (entropy.POST_COEFFICIENT * pl.col("length").log()),
            rank=pl.col("value") / (pl.col("length") - 1),
        )
        easy, dense = shares.filter(pl.col("pattern") != "dense"), shares.filter(pattern="dense")
        lines = []
        if easy.height:
            lines.append(
                f"permutation, sparse and banded patterns need at most {easy['rule'].max():.0%} of 8.33 ln L everywhere"
            )
        if dense.height:
            lines.append(
                f"dense patterns need {words.span(dense['rank'].min(), dense['rank'].max(), '.0%')} of L − 1, which is "
                f"{words.span(dense['rule'].min(), dense['rule'].max(), '.1f')} times 8.33 ln L"
            )
        return "**What the fits support:** " + "; ".join(lines).replace("%", " %") + "."

    st.header("How much is enough?", anchor=False)
    lengths = np.geomspace(frame["length"].min(), frame["length"].max(), 30)
    laws = {
        "pairs": entropy.POST_COEFFICIENT * np.log(lengths),
        "rows": entropy.ROWS_COEFFICIENT * np.log(lengths),
        "retrieval": entropy.RETRIEVAL_COEFFICIENT * np.log(lengths),
        "rank": lengths - 1,
    }
    plots.show(
        figures.needed(measured, laws, lengths), key="dimension_attention_needed", alt="Head size needed against L"
    )
    st.markdown(
        "Head size that reaches a mean KL of 0.05 nats (interpolated between the sizes that were fitted; means"
        f"{words.over(frame['n'].max(), 'fit')}):\n\n" + "\n".join(f"- {growth(p)}" for p in figures.PATTERN_COLORS)
    )
    st.markdown(verdict())
    st.header("The fits", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        available = sorted(frame["length"].unique())
        length = st.select_slider(
            "Length L", available, available[-1], key="dimension_attention_length", bind="query-params", width=260
        )
        metric = st.segmented_control(
            "Show",
            ["kl", "accuracy", "support_mass", "norm", "largest_logit"],
            default="kl",
            key="dimension_attention_metric",
            bind="query-params",
        )
    part = frame.filter(pl.col("length") == length)
    plots.show(
        figures.attention(part, metric=metric or "kl", length=length),
        key="dimension_attention_fit",
        alt="Quality of the fits against head size",
    )
    st.caption(f"Means{words.over(part['n'].max(), 'fit')} of each head size; bands are 95 % intervals.")
    with st.expander("All numbers"):
        st.dataframe(frame, key="dimension_attention_table", hide_index=True, alt="All fits")
        downloads.download(frame, "attention_fit")
    for run_id in frame["run_id"].unique(maintain_order=True):
        st.code(queries.run(version, run_id)["command"], language="bash", wrap_lines=True)
