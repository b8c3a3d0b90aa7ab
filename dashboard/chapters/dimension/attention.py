"""Which head size reaches which attention pattern? Stored fits beside the candidate laws."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import dimension as figures
from dashboard.frames.numbers import as_number
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.dimension import entropy

CODE = """
import torch

q, k = (torch.randn(L, d, requires_grad=True) for _ in range(2))        # P: (L, L), rows that sum to one
steps = torch.optim.Adam([q, k], lr=0.05)
for _ in range(2000):
    loss = torch.nn.functional.kl_div((q @ k.T).log_softmax(-1), P, reduction="batchmean")
    steps.zero_grad(); loss.backward(); steps.step()
"""
COMMAND = "python -m jobs.dimension attention"


def growth(measured: pl.DataFrame, pattern: str) -> str:
    """What a pattern needs from the shortest to the longest L."""
    part = measured.filter(pattern=pattern).sort("length")
    if part.is_empty():
        return f"{pattern}: not reached"
    first, last = part.row(0, named=True), part.row(-1, named=True)
    start = f"{pattern}: {first['value']:.1f} at L = {first['length']}"
    if part.height < 2:
        return f"{start}, at no other length"
    return f"{start}, {last['value']:.1f} at L = {last['length']} (× {last['value'] / first['value']:.1f})"


def law_growth(shortest: int, longest: int) -> str:
    """By what both candidate laws grow from the shortest to the longest L."""
    if shortest == longest:
        return ""
    logarithm, rank = np.log(longest) / np.log(shortest), longest / shortest
    return f" From L = {shortest} to {longest}, ln L grows × {logarithm:.1f} and L × {rank:.1f}."


def verdict(measured: pl.DataFrame) -> str:
    """What the stored fits support, in one sentence."""
    shares = measured.with_columns(
        rule=pl.col("value") / (entropy.POST_COEFFICIENT * pl.col("length").log()),
        rank=pl.col("value") / (pl.col("length") - 1),
    )
    easy, dense = shares.filter(pl.col("pattern") != "dense"), shares.filter(pattern="dense")
    lines = []
    if easy.height:
        lines.append(
            f"permutation, sparse and banded patterns need at most {as_number(easy['rule'].max()):.0%} of 8.33 ln L "
            "everywhere"
        )
    if dense.height:
        (low, high), (least, most) = (
            (as_number(dense[name].min()), as_number(dense[name].max())) for name in ("rank", "rule")
        )
        lines.append(
            f"dense patterns need {words.span(low, high, '.0%')} of L − 1, which is "
            f"{words.span(least, most, '.1f')} times 8.33 ln L"
        )
    return ("; ".join(lines) or "no fit reached 0.05 nats").replace("%", " %").replace("  %", " %") + "."


def fits() -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """The stored fits, and the head size that each pattern needs; None where nothing is stored."""
    version = queries.store_version()
    frame = queries.measurements(version, "attention_fit", experiment="dimension")
    if frame.is_empty():
        return None
    frame = frame.unique(["head_size", "length", "pattern", "metric"], keep="first", maintain_order=True)
    needs = queries.measurements(version, "attention_need", experiment="dimension")
    return frame, needs.filter(law="measured").unique(["length", "pattern"], keep="first", maintain_order=True)


def picture() -> Reading | None:
    """Head size needed against the length, beside four rules."""
    found = fits()
    if found is None:
        headings.empty(COMMAND, "No fits are stored yet (some minutes; with --quick a few seconds).")
        return None
    frame, measured = found
    lengths = np.geomspace(as_number(frame["length"].min()), as_number(frame["length"].max()), 30)
    laws = {
        "pairs": entropy.POST_COEFFICIENT * np.log(lengths),
        "rows": entropy.ROWS_COEFFICIENT * np.log(lengths),
        "retrieval": entropy.RETRIEVAL_COEFFICIENT * np.log(lengths),
        "rank": lengths - 1,
    }
    plots.show(
        figures.needed(measured, laws, lengths),
        key="dimension_attention_needed",
        title="Which of four rules does the head size follow that is enough (mean KL 0.05 nats)?",
        alt="Head size needed against L",
    )
    return Reading(
        see="points are head sizes interpolated between those that were fitted: "
        + "; ".join(growth(measured, pattern) for pattern in figures.PATTERN_COLORS)
        + "."
        + law_growth(*(int(as_number(end)) for end in (frame["length"].min(), frame["length"].max()))),
        theory="a generic dense pattern has rank L − 1 in its logarithms, so it needs d ≥ L − 1; sparse patterns "
        "need of "
        "the order of ln L. The post equates attention with a table of word pairs: 8.33 ln L, 52 for L = 512.",
        measured=f"{verdict(measured)[0].upper()}{verdict(measured)[1:]} {words.means(frame['n'].max(), 'fit')}.",
        apart="nothing changes at 8.33 ln L. Norms are free here, and with growing norms even d = 2 gets every "
        "argmax of "
        "a permutation right: look at KL **and** norms.",
    )


def show_fits() -> None:
    """Quality of the fits against the head size."""
    found = fits()
    if found is None:
        headings.empty(COMMAND, "No fits are stored yet.")
        return
    frame, version = found[0], queries.store_version()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        available = sorted(frame["length"].unique())
        length = st.select_slider(
            "Length L", available, available[-1], key="dimension_attention_length", bind="query-params", width=260
        )
        metric = st.segmented_control(
            "Show",
            ["kl", "accuracy", "support_mass", "norm", "largest_logit"],
            format_func=lambda name: figures.FIT_METRICS[name].partition(",")[0],
            default="kl",
            key="dimension_attention_metric",
            bind="query-params",
            required=True,
        )
    part = frame.filter(pl.col("length") == length)
    plots.show(
        figures.attention(part, metric=metric, length=length),
        key="dimension_attention_fit",
        title=f"{figures.bends(figures.FIT_METRICS[metric])} L = {length}",
        alt="Quality of the fits against head size",
    )
    st.caption(f"{words.means(part['n'].max(), 'fit')} of each head size.")
    downloads.download(frame, "attention_fit")
    for run_id in frame["run_id"].unique(maintain_order=True):
        st.code(queries.run(version, run_id)["command"], language="bash", wrap_lines=True)


CHAPTER = Chapter(
    question="How large must an attention head be?",
    chinese="注意力的 head_size · attention heads",
    lead="softmax(QKᵀ) with free Q and K of size L × d is fitted to four kinds of patterns: which d is enough, and "
    "which rule does it follow?",
    guess=Guess(
        question="a dense random pattern over 256 tokens: which head size fits it well?",
        answers=("about 15", "about 50", "about 100"),
        right="about 100",
        because="It grows like L, not like ln L: 97.8 in our fits, where 8.33 ln L is 46.",
        measured="on 22 and 23 November 2026",
    ),
    picture=picture,
    beside=True,
    good_for="small heads where patterns are sparse, as trained ones often are; not where every token must weigh all "
    "others freely.",
    formula=r"\min_{Q,K}\ \frac1L\sum_i\mathrm{KL}\big(p_i\,\|\,\operatorname{softmax}(q_iK^\top)\big)",
    code=CODE,
    reference="Su Jianlin, [[8711]](https://kexue.fm/archives/8711) and [[8706]](https://kexue.fm/archives/8706); "
    "[arXiv 2002.07028](https://arxiv.org/abs/2002.07028) (d ≥ L); [arXiv "
    "2106.03764](https://arxiv.org/abs/2106.03764) "
    "(ln L for sparse patterns).",
    more={"The fits against the head size": show_fits},
    inside={
        "dimension_attention_length": "The fits against the head size",
        "dimension_attention_metric": "The fits against the head size",
    },
)
