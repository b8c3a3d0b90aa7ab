"""Error against width with its predicted line, equal widths of two kernels, gate against convolution."""

import math

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import smoothing as figures
from dashboard.parts import headings, plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.smoothing.convolution import gate, smooth
from engine.smoothing.errors import (
    area_error,
    gate_supremum_error,
    matching_width,
    minmax_width,
    predicted_order,
    supremum_error,
)
from engine.smoothing.kernels import KERNELS
from engine.smoothing.piecewise_linear import FUNCTIONS

CODE = """
import numpy as np
from scipy.stats import norm

x, s = np.linspace(-5, 5, 10_001), 1.0
convolution = x * norm.cdf(x / s) + s * norm.pdf(x / s)
gate = x * norm.cdf(x / s)                                      # GELU at s = 1
print(abs(convolution - np.maximum(x, 0)).max(), abs(gate - np.maximum(x, 0)).max())
"""
COMMAND = "python -m jobs.smoothing errors"
EXACT = {"supremum": supremum_error, "area": area_error}
EMPTY = pl.DataFrame(schema={"kernel": pl.String, "width": pl.Float64, "value": pl.Float64})


@st.cache_data(show_spinner=False, max_entries=64)
def exact_errors(f: str, measure: str) -> tuple[pl.DataFrame, dict[str, float | None]]:
    """Exact errors of every kernel on a grid of widths, and their predicted orders."""
    rows, orders = [], {}
    for kernel in KERNELS:
        try:
            curves = [smooth(f, kernel=kernel, width=width) for width in np.geomspace(1e-3, 1, 7)]
        except ValueError:
            continue
        orders[kernel] = predicted_order(curves[0], measure=measure)
        if orders[kernel] is not None:
            rows += [{"kernel": kernel, "width": g.width, "value": EXACT[measure](g)} for g in curves]
    return pl.DataFrame(rows, schema=EMPTY.schema), orders


def stored_errors(f: str, measure: str) -> pl.DataFrame:
    """Measured errors of the newest stored run."""
    frame = queries.measurements(queries.store_version(), "smoothing_error", experiment="smoothing")
    if frame.is_empty():
        return EMPTY
    frame = frame.filter(pl.col("run_id") == pl.col("run_id").max(), function=f, metric=measure, source="measured")
    return frame.select("kernel", "width", "value")


def picture() -> Reading:
    """Error against width, lines exact and points measured."""
    left, right = st.columns(2)
    f = left.selectbox("Function f", [*FUNCTIONS], key="smoothing_errors_f", bind="query-params")
    measure = right.segmented_control(
        "Error", ["supremum", "area"], default="supremum", key="smoothing_errors_measure", bind="query-params",
        required=True,
    )  # fmt: skip
    exact, orders = exact_errors(f, measure)
    measured = stored_errors(f, measure)
    plots.show(
        figures.error_lines(exact, measured, y="sup |g − f|" if measure == "supremum" else "∫ |g − f|"),
        key="smoothing_errors_lines",
        title=f"How fast does the error for {f} fall with the width? Lines are exact, points measured",
        alt="Error against width, one line a kernel",
    )
    if measured.is_empty():
        headings.empty(COMMAND, "No measured points yet: the lines are exact.")
    return reading(exact, orders, measured)


def reading(exact: pl.DataFrame, orders: dict[str, float | None], measured: pl.DataFrame) -> Reading:
    """The words, with the orders and the largest difference between lines and points."""
    named_orders = ", ".join(f"{kernel} {order:g}" for kernel, order in orders.items() if order is not None)
    infinite = ", ".join(kernel for kernel, order in orders.items() if order is None)
    missing = ", ".join(kernel for kernel in KERNELS if kernel not in orders)
    apart = (f"infinite for {infinite}; " if infinite else "") + (
        f"no convolution under {missing}; " if missing else ""
    )
    return Reading(
        see=f"straight lines on logarithmic axes: the error is a power of the width, with the exponent "
        f"{named_orders or 'of no kernel (none is finite)'}.",
        theory="at a kink the largest error shrinks like w and the area between f and g like w²; at a jump the largest "
        "error is half the jump for every width, and the area alone shrinks, like w.",
        measured=against(exact, measured),
        apart=f"{apart}heavy tails cost: Student's kernel has no finite area at a kink, Cauchy's no ReLU at all.",
    )


def against(exact: pl.DataFrame, measured: pl.DataFrame) -> str:
    """How far stored points lie from the exact lines."""
    if measured.is_empty() or exact.is_empty():
        return f"nothing stored for this function (n = 0, no interval); `{COMMAND}` measures it."
    gaps = []
    for kernel, width, value in measured.rows():
        line = exact.filter(kernel=kernel).sort("width")
        if line.height and value is not None and value > 0:
            logs = np.interp(np.log(width), np.log(line["width"]), np.log(line["value"]))
            gaps.append(abs(np.exp(logs) / value - 1))
    worst = max(gaps, default=float("nan"))
    return (
        f"n = {len(gaps)} stored numerical convolutions lie within {worst:.1g} (relative) of the lines; quadrature, so "
        "there is no interval."
    )


def show_gate() -> None:
    """Gate or convolution."""
    x = np.linspace(-5, 5, 301)
    kernel = st.segmented_control(
        "Kernel", list(KERNELS), default="gaussian", key="smoothing_errors_kernel", bind="query-params", required=True
    )
    product = gate(kernel=kernel, width=1.0)
    lines, second = {"gate x·Φ(x)": product(x)}, {"gate": product.second_derivative(x)}
    error, place = gate_supremum_error(kernel, width=1.0)
    if kernel == "cauchy":
        st.markdown(f"Cauchy has only the gate; it stays {error:.4g}·w below ReLU even at infinity.")
    else:
        relu = smooth("relu", kernel=kernel, width=1.0)
        lines["convolution"], second["convolution: the kernel"] = relu(x), relu.second_derivative(x)
        st.markdown(
            f"At equal width the gate is **{supremum_error(relu) / error:.3g}×** closer to ReLU ({error:.4g}·w below, "
            f"at |x| = {place:.4g}·w; the convolution {supremum_error(relu):.4g}·w above, at 0), but it is not convex: "
            "Swish and GELU are gates, not convolutions of ReLU."
        )
    left, right = st.columns(2)
    plots.show(
        figures.curves(x, np.maximum(x, 0), lines),
        key="smoothing_errors_gate",
        title="The convolution lies above ReLU, the gate below (w = 1)"
        if kernel != "cauchy"
        else "The gate lies below ReLU (w = 1)",
        alt="ReLU, gate and convolution",
        place=left,
    )
    plots.show(
        figures.derivatives(x, second, y="second derivative", height=400),
        key="smoothing_errors_second",
        title="Second derivatives: the gate's falls below 0",
        alt="Second derivatives",
        place=right,
    )


CRITERIA = {
    "supremum": "same largest error at a kink",
    "variance": "same area at a kink",
    "peak": "same slope of the smoothed step",
}
CLOSEST = {"step": "Φ uniformly closest", "relu": "smoothed ReLU closest", "gate": "gate closest"}


@st.cache_data(show_spinner=False, max_entries=128)
def widths(source: str, target: str, width: float) -> pl.DataFrame:
    """Width of the source kernel that matches the target, by every criterion."""
    rows: list[dict[str, object]] = []
    for by, meaning in CRITERIA.items():
        try:
            rows.append({"criterion": meaning, "width": matching_width(target, source, width=width, by=by)})
        except ValueError as error:
            rows.append({"criterion": meaning, "width": None, "remark": str(error)})
    for of, meaning in CLOSEST.items():
        try:
            found, gap = minmax_width(source, target, target_width=width, of=of)
            rows.append({"criterion": meaning, "width": found, "largest difference": gap})
        except ValueError as error:
            rows.append({"criterion": meaning, "width": None, "remark": str(error)})
    schema = {"criterion": pl.String, "width": pl.Float64, "largest difference": pl.Float64, "remark": pl.String}
    return pl.DataFrame(rows, schema=schema)


def show_widths() -> None:
    """Which width of one kernel stands for which of another."""
    left, middle, right = st.columns(3)
    source = left.selectbox("Kernel", list(KERNELS), key="smoothing_errors_source", bind="query-params")
    target = middle.selectbox("in place of", list(KERNELS), index=1, key="smoothing_errors_target", bind="query-params")
    width = right.number_input("of width", 0.001, 100.0, 1.0, key="smoothing_errors_width", bind="query-params")
    table = widths(source, target, width)
    if table["remark"].null_count() == table.height:
        table = table.drop("remark")
    st.dataframe(
        table,
        key="smoothing_errors_widths",
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.4f") for name in ("width", "largest difference")},
        alt="Equal widths of two kernels",
        placeholder="",
    )
    if source == "student" and target == "logistic" and math.isclose(width, 1.0):
        st.caption("The square of the width closest for ReLU is SquarePlus' b = 1.5238210325….")


CHAPTER = Chapter(
    question="How far is the smooth function from the true one?",
    chinese="近似误差 · approximation error",
    lead="A narrower kernel is closer to f: how fast the error falls depends on whether f has a kink or a jump.",
    guess=Guess(
        question="halve the width of the kernel. What happens to the largest error at a jump?",
        answers=("it halves", "it quarters", "nothing"),
        right="nothing",
        because="At the jump itself the smooth function takes the mean of both sides: half the jump away from each.",
    ),
    picture=picture,
    good_for="choosing a width from an error that one accepts, or the width of one kernel that replaces another's.",
    formula=r"\sup|g-f|=|S|\,w\,\tfrac{E|Y|}2,\qquad \int|g-f|=|S|\,w^2\,\tfrac{\operatorname{Var}Y}2"
    r"\qquad(\text{kink of size }S)",
    code=CODE,
    reference="Su Jianlin, [[8718]](https://kexue.fm/archives/8718); the errors are derived here.",
    more={
        "Gate or convolution: where Swish and GELU stand": show_gate,
        "Equal widths of two kernels": show_widths,
    },
    inside={
        "smoothing_errors_kernel": "Gate or convolution: where Swish and GELU stand",
        "smoothing_errors_source": "Equal widths of two kernels",
        "smoothing_errors_target": "Equal widths of two kernels",
        "smoothing_errors_width": "Equal widths of two kernels",
    },
)
