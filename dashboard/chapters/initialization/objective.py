"""Each mean of m and n as the minimum of an error, for the reader's own shape, with both gains under the hand."""

import numpy as np
import plotly.graph_objects as go
import polars as pl
import streamlit as st

from dashboard.figures.labs import initialization_objective as figures
from dashboard.frames.numbers import as_number
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.evidence.intervals import mean_half_width
from engine.initialization.rules import effective_dimension, fan_variance, objectives
from engine.initialization.signal_propagation import Moments, propagate_vectors, rescale

DRAWS = 400_000
CODE = """
import torch

m, n = 768, 3072
s = (m * n) ** -0.5                      # geometric: keeps the size over m -> n -> m
# s = (m + n) / (m * m + n * n)          # the post's per-layer optimum
weight = torch.empty(n, m).normal_(0, s**0.5)
"""


@st.cache_resource(show_spinner=False, max_entries=64)
def drawn(m: int, n: int) -> Moments:
    """Random stacks m -> n -> m under the geometric rule; the other rules multiply what was measured."""
    stacks = int(np.clip(DRAWS / (4 * m + 2 * n), 6, 200))
    return propagate_vectors([m, n, m], rule="geometric", rng=np.random.default_rng(0), stacks=stacks)


@st.cache_resource(show_spinner=False, max_entries=64)
def figure(m: int, n: int) -> go.Figure:
    """The figure with its frames."""
    return figures.objective(m, n)


def table(m: int, n: int) -> pl.DataFrame:
    """Every mean with its gains: exact for one layer and over m -> n -> m, and measured there."""
    base, rows = drawn(m, n), []
    reference = fan_variance(m, n, rule="geometric")
    for rule, (name, error) in figures.MEANS.items():
        variance = fan_variance(m, n, rule=rule)
        ends = rescale(base, np.full(2, variance / reference)).forward[:, -1]
        rows.append(
            {
                "mean": name,
                "smallest": error,
                "1/σ²": effective_dimension(m, n, rule=rule),
                "signals × ": m * variance,
                "gradients × ": n * variance,
                "m→n→m": m * n * variance**2,
                "measured": float(ends.mean()),
                "± (95 %)": float(mean_half_width(ends)),
            }
        )
    return pl.DataFrame(rows)


def derivation() -> None:
    """Both derivations with the numbers of the moment."""
    m, n = (int(st.session_state[f"initialization_objective_{name}"]) for name in "mn")
    with st.container():
        st.markdown("Write s for σ². **Per layer**, set the derivative of the squared errors of both gains to 0:")
        st.latex(rf"f(s)=({m}s-1)^2+({n}s-1)^2,\qquad f'(s)=2\cdot{m}({m}s-1)+2\cdot{n}({n}s-1)=0")
        s = fan_variance(m, n, rule="quadratic")
        least = objectives(m, n, variance=s)[0]
        st.latex(rf"s=\frac{{{m}+{n}}}{{{m}^2+{n}^2}}=\frac1{{{1 / s:,.2f}}},\qquad f(s)={least:.4g}")
        st.markdown("**From end to end**, over two layers m → n → m that share s, the gain should be 1:")
        s = fan_variance(m, n, rule="geometric")
        st.latex(rf"{m}s\cdot{n}s=1,\qquad s=\frac1{{\sqrt{{{m}\cdot{n}}}}}=\frac1{{{1 / s:,.2f}}}")
        st.markdown(
            "The same s minimises the squared *logarithms* of both gains: too large and too small by one factor."
        )


def picture() -> Reading | None:
    """Four errors and both gains under the hand."""
    left, right = st.columns(2)
    m = left.number_input("m = inputs", 1, 20_000, 768, key="initialization_objective_m", bind="query-params")
    n = right.number_input("n = outputs", 1, 20_000, 3072, key="initialization_objective_n", bind="query-params")
    if m == n:
        st.info(f"m = n = {m}: all means are {m} and both gains are 1. Choose different numbers.")
        return None
    rows = table(m, n)
    low, high = (as_number(end) for end in (rows["1/σ²"].min(), rows["1/σ²"].max()))
    gains = {row["mean"].split(" ")[0]: row for row in rows.iter_rows(named=True)}
    local, whole = gains["contraharmonic"], gains["geometric"]
    lesson.titled(
        figure(m, n),
        "Which mean makes which error least? Drag σ² and see both gains",
        key="initialization_objective_curves",
        alt="Four errors against the effective dimension, each lowest at one mean of m and n; both gains below",
    )
    return Reading(
        see=f"four errors, each with its lowest point at another mean, from {low:,.0f} to "
        f"{high:,.0f}. Drag the slider: signals are kept at 1/σ² = m = {m}, gradients at n = {n}, and no place "
        f"keeps both.",
        theory=f"per layer the squared errors of the gains cannot be less than (m−n)²/(m²+n²) = "
        f"{(m - n) ** 2 / (m * m + n * n):.3g}; over m → n → m the geometric mean gives exactly 1, Xavier's "
        f"{gains['arithmetic']['m→n→m']:.3g}, the per-layer optimum {local['m→n→m']:.3g}.",
        measured=f"over m → n → m, {len(drawn(m, n).forward)} random stacks: geometric {whole['measured']:.3f} ± "
        f"{whole['± (95 %)']:.3f}, per-layer optimum {local['measured']:.3g} ± {local['± (95 %)']:.2g} (95 %).",
        apart="for linear layers they agree; the post made no experiment. *Layer by layer* adds activations, "
        "*Training* trains.",
    )


def show_table() -> None:
    """Every mean with its gains."""
    m, n = (int(st.session_state[f"initialization_objective_{name}"]) for name in "mn")
    rows = table(m, n)
    formats = {name: st.column_config.NumberColumn(format="%.4g") for name in rows.columns[3:]}
    st.dataframe(
        rows,
        key="initialization_objective_table",
        hide_index=True,
        column_config=formats | {"1/σ²": st.column_config.NumberColumn(format="%.1f")},
        alt="Every mean with the error that it makes smallest and its gains",
    )


CHAPTER = Chapter(
    question="Which mean of m and n is the right one?",
    chinese="每种平均最小化哪个目标 · the error behind each mean",
    lead="For m ≠ n no variance keeps signals and gradients at once: each mean of m and n makes another error as "
    "small as possible.",
    guess=Guess(
        question="which mean keeps a signal's size over m → n → m?",
        answers=("arithmetic (Xavier)", "geometric", "none"),
        right="geometric",
        because="Its two gains multiply to 1; those of Xavier's rule to 4mn/(m+n)², 0.64 for n = 4m.",
    ),
    picture=picture,
    beside=True,
    good_for="take the geometric mean where widths go up and down and come back, as in a Transformer's feed-forward "
    "block; with norms and residuals the choice matters less.",
    formula=r"(m\sigma^2-1)^2+(n\sigma^2-1)^2\to\sigma^2=\frac{m+n}{m^2+n^2},\quad "
    r"\ln^2(m\sigma^2)+\ln^2(n\sigma^2)\to\sigma^2=\frac1{\sqrt{mn}}",
    code=CODE,
    reference="Su Jianlin, [[8725]](https://kexue.fm/archives/8725); "
    "[Defazio and Bottou, 2019](https://arxiv.org/abs/1906.04267).",
    more={"Derivation with your m and n": derivation, "Every mean with its gains": show_table},
)
