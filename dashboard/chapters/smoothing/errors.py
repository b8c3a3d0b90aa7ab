"""Error against width with its predicted line, equal widths of two kernels, gate against convolution."""

import math

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import smoothing as figures
from dashboard.parts import headings, plots
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

TITLE = "How far is the smooth function from the true one?"
SENTENCE = "At a kink the largest error shrinks like w; at a jump it is half the jump for every width."
CHINESE = "近似误差"
NOTE = """At a kink the largest error shrinks like w and the area between f and g like w²; at a jump the largest
error is half the jump for every width, and only the area shrinks, like w. Lines are exact; points are stored
measurements by numerical convolution. Heavy tails cost: Student's kernel has no finite area at a kink, Cauchy's no
ReLU at all."""
FORMULA = (
    r"\sup|g-f|=|S|\,w\,\tfrac{E|Y|}{2},\qquad \int|g-f|=|S|\,w^2\,\tfrac{\operatorname{Var}Y}{2}"
    r"\qquad(\text{kink of size }S)"
)
SOURCE = "[kexue.fm/archives/8718](https://kexue.fm/archives/8718); errors derived here"
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


def show() -> None:
    """The chapter below its title."""
    left, right = st.columns(2)
    f = left.selectbox("Function f", [*FUNCTIONS], key="smoothing_errors_f", bind="query-params")
    measure = right.segmented_control(
        "Error", ["supremum", "area"], default="supremum", key="smoothing_errors_measure", bind="query-params"
    )
    measure = measure or "supremum"
    exact, orders = exact_errors(f, measure)
    measured = stored_errors(f, measure)
    named_orders = ", ".join(f"{kernel} {order:g}" for kernel, order in orders.items() if order is not None)
    infinite = ", ".join(kernel for kernel, order in orders.items() if order is None)
    missing = ", ".join(kernel for kernel in KERNELS if kernel not in orders)
    st.markdown(
        f"Predicted power of the width: {named_orders or 'none'}."
        + (f" Infinite for {infinite}." if infinite else "")
        + (f" No convolution under {missing}." if missing else "")
    )
    plots.show(
        figures.error_lines(exact, measured, y="sup |g − f|" if measure == "supremum" else "∫ |g − f|"),
        key="smoothing_errors_lines",
        title=f"Error against width for {f}: lines exact, points measured",
        alt="Error against width, one line a kernel",
    )
    if measured.is_empty():
        headings.empty(COMMAND, "No measured points yet: the lines are exact.")
    else:
        st.caption("Lines: exact; points: stored numerical convolutions (quadrature: nothing is drawn at random).")
    st.subheader("Gate or convolution", anchor=False)
    x = np.linspace(-5, 5, 301)
    kernel = st.segmented_control(
        "Kernel", list(KERNELS), default="gaussian", key="smoothing_errors_kernel", bind="query-params"
    )
    kernel = kernel or "gaussian"
    product = gate(kernel=kernel, width=1.0)
    lines = {"gate x·Φ(x)": product(x)}
    error, place = gate_supremum_error(kernel, width=1.0)
    if kernel == "cauchy":
        st.markdown(f"Cauchy has only the gate; it stays {error:.4g}·w below ReLU even at infinity.")
    else:
        relu = smooth("relu", kernel=kernel, width=1.0)
        lines["convolution"] = relu(x)
        ratio = supremum_error(relu) / error
        st.markdown(
            f"At equal width the gate is **{ratio:.3g}×** closer to ReLU ({error:.4g}·w below, at |x| = "
            f"{place:.4g}·w; the "
            f"convolution {supremum_error(relu):.4g}·w above, at 0), but it is not convex."
        )
    left, right = st.columns(2)
    plots.show(
        figures.curves(x, np.maximum(x, 0), lines),
        key="smoothing_errors_gate",
        title="ReLU, its convolution and its gate at w = 1",
        alt="ReLU, gate and convolution",
        place=left,
    )
    second = {"gate": product.second_derivative(x)}
    if kernel != "cauchy":
        second["convolution: the kernel"] = smooth("relu", kernel=kernel, width=1.0).second_derivative(x)
    plots.show(
        figures.derivatives(x, second, y="Second derivative", height=400),
        key="smoothing_errors_second",
        title="Second derivatives: the gate's falls below 0",
        alt="Second derivatives",
        place=right,
    )
    st.subheader("Equal widths", anchor=False)
    left, middle, right = st.columns(3)
    source = left.selectbox("Kernel", list(KERNELS), key="smoothing_errors_source", bind="query-params")
    target = middle.selectbox("in place of", list(KERNELS), index=1, key="smoothing_errors_target", bind="query-params")
    width = right.number_input("of width", 0.001, 100.0, 1.0, key="smoothing_errors_width", bind="query-params")

    @st.cache_data(show_spinner=False, max_entries=128)
    def widths(source: str, target: str, width: float) -> pl.DataFrame:
        """Width of the source kernel that matches the target, by every criterion."""
        rows = []
        for by, meaning in (
            ("supremum", "same largest error at a kink"),
            ("variance", "same area at a kink"),
            ("peak", "same slope of the smoothed step"),
        ):
            try:
                rows.append({"criterion": meaning, "width": matching_width(target, source, width=width, by=by)})
            except ValueError as error:
                rows.append({"criterion": meaning, "width": None, "remark": str(error)})
        for of, meaning in (
            ("step", "Φ uniformly closest"),
            ("relu", "smoothed ReLU closest"),
            ("gate", "gate closest"),
        ):
            try:
                found, gap = minmax_width(source, target, target_width=width, of=of)
                rows.append({"criterion": meaning, "width": found, "largest difference": gap})
            except ValueError as error:
                rows.append({"criterion": meaning, "width": None, "remark": str(error)})
        schema = {"criterion": pl.String, "width": pl.Float64, "largest difference": pl.Float64, "remark": pl.String}
        return pl.DataFrame(rows, schema=schema)

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
