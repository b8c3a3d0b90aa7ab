"""How many dimensions does the Johnson-Lindenstrauss lemma ask for? A calculator and the ladder of bounds."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import johnson_lindenstrauss as figures
from dashboard.parts import downloads, headings, plots
from engine.johnson_lindenstrauss.bounds import BOUNDS, WITHOUT_DELTA, is_useless, jl_dim, success_probability

TITLE = "How many dimensions keep all distances?"
SENTENCE = (
    "A random matrix keeps all distances of N points within 1 ± ε once it has enough rows: bounds, exact law "
    "and measurements."
)
CHINESE = "约翰逊-林登斯特劳斯引理"
NOTE = """A random matrix keeps all distances of N points within a factor 1 ± ε once it has enough rows, however many
columns the points had. **How many are enough** depends on which inequality you believe. The bounds promise; the exact
chi-square law says what a single pair really does; the circles are the smallest numbers that worked when measured."""
FORMULA = (
    r"(1-\varepsilon)\,\|x_i-x_j\|^2 \le \|A(x_i-x_j)\|^2 \le (1+\varepsilon)\,\|x_i-x_j\|^2, \qquad "
    r"n > \frac{24 \ln N}{\varepsilon^2}"
)
SOURCE = "kexue.fm/archives/8679; scikit-learn's `johnson_lindenstrauss_min_dim`; Achlioptas (2003)"
COMMAND = "python -m jobs.johnson_lindenstrauss bounds"
PROMISES = {"post16": "more than 0", "sklearn": "1/N"}


@st.cache_data(show_spinner=False, max_entries=64)
def ladder(axis: str, n_samples: int, eps: float, delta: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Dimensions of every bound along N or along eps."""
    x = np.geomspace(10, 1e7, 61).round() if axis == "N" else np.linspace(0.03, 0.95, 70)
    samples, errors = (x, eps) if axis == "N" else (n_samples, x)
    return x, {
        bound: np.asarray(jl_dim(samples, eps=errors, bound=bound, delta=None if bound in WITHOUT_DELTA else delta))
        for bound in BOUNDS
    }


def table(n_samples: int, eps: float, delta: float, n_features: int) -> pl.DataFrame:
    """One row a bound: dimensions, what is promised, what the exact union bound says there."""
    rows = []
    for bound in BOUNDS:
        n = int(jl_dim(n_samples, eps=eps, bound=bound, delta=None if bound in WITHOUT_DELTA else delta))
        rows.append(
            {
                "Bound": figures.BOUND_NAMES[bound],
                "n": n,
                "of m": n / n_features,
                "promised success": PROMISES.get(bound, f"{1 - delta:.4g}"),
                "success by the exact law, at least": float(success_probability(n_samples, n, eps=eps)),
                "": "useless: n ≥ m" if is_useless(n, n_features) else "",
            }
        )
    return pl.DataFrame(rows)


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n_samples = st.number_input("Points N", 2, 10**9, 1000, key="jl_samples", bind="query-params", width=150)
        n_features = st.number_input("Columns m", 1, 10**9, 768, key="jl_features", bind="query-params", width=150)
        eps = st.slider("ε", 0.01, 0.99, 0.3, 0.01, key="jl_eps", bind="query-params", width=240)
        delta = st.select_slider(
            "δ, probability that some pair fails",
            [1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.5],
            0.01,
            key="jl_delta",
            bind="query-params",
            width=240,
        )
    measured = queries.measurements(queries.store_version(), "jl_dimension", experiment="johnson_lindenstrauss")
    measured = measured.filter(pl.col("source") == "measured", pl.col("metric") == "n_components")
    if measured.is_empty():
        measured = pl.DataFrame(schema={"n_samples": pl.Int64, "eps": pl.Float64, "value": pl.Float64})
    else:
        measured = measured.group_by("n_samples", "eps").agg(pl.col("value").median()).sort("n_samples", "eps")
    st.dataframe(
        table(n_samples, eps, delta, n_features),
        key="jl_table",
        hide_index=True,
        column_config={
            "n": st.column_config.NumberColumn(format="localized"),
            "of m": st.column_config.NumberColumn(format="percent"),
            "success by the exact law, at least": st.column_config.NumberColumn(format="%.6f"),
        },
        alt="Dimensions of every bound",
    )
    exact = int(jl_dim(n_samples, eps=eps, delta=delta))
    nearest = measured.filter(pl.col("n_samples") == n_samples, (pl.col("eps") - eps).abs() < 1e-9)
    found = (
        f" Measured: {int(nearest['value'][0]):,} dimensions kept all pairs in half of the draws."
        if nearest.height
        else ""
    )
    verdict = (
        "That is no saving: the data have fewer columns."
        if exact >= n_features
        else f"That is {exact / n_features:.1%} of m."
    )
    st.markdown(
        f"For {n_samples:,} points, ε = {eps:g} and δ = {delta:g} the exact law asks for **{exact:,} dimensions**. "
        f"{verdict}{found} "
        "The lemma speaks of *squared* distances and of points fixed before the matrix is drawn."
    )
    left, right = st.columns(2)
    for column, axis in ((left, "ε"), (right, "N")):
        x, dims = ladder(axis, n_samples, eps, delta)
        points = (
            measured.filter(pl.col("n_samples") == n_samples) if axis == "ε" else measured.filter(pl.col("eps") == eps)
        )
        name = "eps" if axis == "ε" else "n_samples"
        pairs = list(zip(points[name], points["value"], strict=True)) if points.height else []
        with column:
            st.subheader(
                f"Against {axis}" + (f" at N = {n_samples:,}" if axis == "ε" else f" at ε = {eps:g}"), anchor=False
            )
            plots.show(
                figures.ladder(x, dims, axis=axis, n_features=n_features, measured=pairs),
                key=f"jl_ladder_{'eps' if axis == 'ε' else 'samples'}",
                alt=f"Dimensions of every bound against {axis}",
            )
    if measured.is_empty():
        headings.empty(COMMAND, "The measured minima (circles) are not stored yet.")
    else:
        with st.expander("Measured minima"):
            st.dataframe(measured, key="jl_measured", hide_index=True, alt="Smallest dimensions that worked")
            downloads.download(measured, "jl_measured")
