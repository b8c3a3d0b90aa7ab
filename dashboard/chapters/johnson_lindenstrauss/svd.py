"""Randomized SVD: the range finder against the optimum and its bound, and the printed recipe beside its repair."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss_measured as figures
from dashboard.parts import downloads, headings, plots
from engine.johnson_lindenstrauss import randomized_svd as rsvd

TITLE = "Can a random matrix find the singular vectors?"
SENTENCE = "The range finder comes close to the best rank-k approximation; the post's printed recipe does not."
CHINESE = "随机奇异值分解"
NOTE = """Draw a thin random matrix, and use it to find the space in which M lives. The **range finder** projects M on
the span of MΩ: its error is close to the best possible. **The recipe printed in the post does something else**: it
multiplies M by QQᵀ with a Q that never saw M. QQᵀ has rank k and is the identity only on average, so its error is
√(1 − k/n)·‖M‖ (Q made orthonormal) or √((n + 1)/k)·‖M‖ (raw Q, worse than returning zero), whatever M is. The repair
keeps the left vectors U_B of the same B = MQ and projects on them, M ≈ U_B U_Bᵀ M."""
FORMULA = (
    r"M \approx Q(Q^\top M),\ Q=\operatorname{orth}(M\Omega) \qquad\text{instead of}\qquad "
    r"M \approx M\,QQ^\top"
)
SOURCE = "kexue.fm/archives/8706 (the recipe); Halko, Martinsson and Tropp (2011), arXiv 0909.4061"
COMMAND = "python -m jobs.johnson_lindenstrauss svd"
SHAPE = (120, 80)
RANKS = np.array([2, 4, 6, 8, 12, 16, 24, 32, 40])
SPECTRA = {
    "power law 1/j": lambda j: 1 / j,
    "exponential e^(−j/10)": lambda j: np.exp(-j / 10),
    "rank 10 and noise": lambda j: np.where(j <= 10, 1.0, 1e-3),
    "flat": np.ones_like,
}


@st.cache_data(show_spinner=False, max_entries=8)
def made(spectrum: str) -> tuple[np.ndarray, np.ndarray]:
    """A matrix of Frobenius norm 1 with this spectrum along random directions, and its singular values."""
    rng = np.random.default_rng(1)
    values = SPECTRA[spectrum](np.arange(1.0, min(SHAPE) + 1))
    values = values / np.linalg.norm(values)
    left, right = (np.linalg.qr(rng.standard_normal((side, min(SHAPE))))[0] for side in SHAPE)
    return (left * values) @ right.T, values


@st.cache_data(show_spinner=False, max_entries=64)
def errors(spectrum: str, oversampling: int, power: int, seed: int) -> dict[str, np.ndarray]:
    """Relative errors of every method along the ranks."""
    matrix, values = made(spectrum)
    found: dict[str, list[float]] = {name: [] for name in figures.SVD_NAMES}
    for rank in RANKS:
        omega = np.random.default_rng([seed, rank]).standard_normal((SHAPE[1], rank + oversampling))
        basis = rsvd.range_finder(matrix, omega, power_iterations=power)
        found["range_finder"].append(float(np.linalg.norm(matrix - basis @ (basis.T @ matrix))))
        found["optimum"].append(max(rsvd.optimal_error(values, rank), 1e-6))
        square = omega[:, :rank]
        found["repaired"].append(rsvd.error(matrix, rsvd.repaired_recipe(matrix, square)))
        found["post_orthonormal"].append(rsvd.error(matrix, rsvd.post_recipe(matrix, square)))
        found["post_raw"].append(rsvd.error(matrix, rsvd.post_recipe(matrix, square, orthonormal=False)))
    return {name: np.array(values_) for name, values_ in found.items()}


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        spectrum = st.selectbox("Singular values", list(SPECTRA), key="jl_svd_spectrum", bind="query-params", width=240)
        oversampling = st.select_slider(
            "Oversampling p", [2, 4, 8, 16, 32], 8, key="jl_svd_oversampling", bind="query-params", width=240
        )
        power = st.select_slider(
            "Power iterations q", [0, 1, 2, 3], 0, key="jl_svd_power", bind="query-params", width=200
        )
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_svd_seed", bind="query-params", width=110)
    _, values = made(spectrum)
    curves = errors(spectrum, oversampling, power, seed)
    bound = None
    if power == 0:
        bound = np.array([rsvd.expected_error_bound(values, int(k), oversampling=oversampling) for k in RANKS])
    plots.show(
        figures.svd_errors(RANKS, curves, bound=bound),
        key="jl_svd_live",
        alt="Error of randomized SVD against the rank",
    )
    st.caption(
        f"A {SHAPE[0]} × {SHAPE[1]} matrix, one draw a rank. The range finder uses k + p directions, the "
        "others k; it may "
        "therefore lie below the optimum of rank k."
        + ("" if power == 0 else " The bound of the Frobenius error is known without power iterations only.")
    )
    theory = rsvd.post_recipe_error(1.0, SHAPE[1], 16), rsvd.post_recipe_error(1.0, SHAPE[1], 16, orthonormal=False)
    at = int(np.flatnonzero(RANKS == 16)[0])
    with st.container(horizontal=True):
        st.metric(
            "As printed, QR, k = 16",
            f"{curves['post_orthonormal'][at]:.3f}",
            f"theory {theory[0]:.3f}",
            delta_color="off",
            delta_arrow="off",
        )
        st.metric(
            "As printed, raw Q, k = 16",
            f"{curves['post_raw'][at]:.3f}",
            f"theory {theory[1]:.3f}",
            delta_color="off",
            delta_arrow="off",
        )
        st.metric("Repaired, k = 16", f"{curves['repaired'][at]:.3g}")
        st.metric("Optimum, k = 16", f"{rsvd.optimal_error(values, 16):.3g}")
    st.header("Stored sweeps", anchor=False)
    version = queries.store_version()
    frame = queries.measurements(version, "svd_error", experiment="johnson_lindenstrauss")
    if frame.is_empty():
        headings.empty(COMMAND)
        st.stop()
    frame = frame.filter(pl.col("run_id") == frame["run_id"].max())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        matrix = st.selectbox(
            "Matrix", sorted(frame["matrix"].unique()), key="jl_svd_matrix", bind="query-params", width=240
        )
        norm = (
            st.segmented_control(
                "Norm", ["frobenius", "spectral"], default="frobenius", key="jl_svd_norm", bind="query-params"
            )
            or "frobenius"
        )
        extras = sorted(frame.filter(method="range_finder")["oversampling"].unique())
        extra = st.segmented_control(
            "Oversampling p", extras, default=extras[-1], key="jl_svd_extra", bind="query-params", required=True
        )
    part = frame.filter(pl.col("matrix") == matrix, pl.col("metric") == norm)
    kept = pl.col("oversampling") == pl.when(pl.col("method").is_in(["range_finder", "optimum"])).then(extra).otherwise(
        0
    )
    plots.show(
        figures.svd_sweep(part.filter(kept), norm=norm),
        key="jl_svd_sweep",
        alt="Stored errors against the rank, bounds",
    )
    draws = part["n"].max()
    st.caption(
        f"Points: means{words.over(draws, 'draw')} with 95 % intervals. The optimum is that of rank k + "
        "p, which no basis "
        "of k + p directions can beat; the recipes use k directions. Dash-dotted: bounds of the mean "
        "(Halko, Martinsson "
        "and Tropp); dotted: exact."
    )
    wide = part.sort("method", "oversampling", "power_iterations", "rank", "source").select(
        "method", "oversampling", "power_iterations", "rank", "source", "value", "low", "high", "n"
    )
    with st.expander("All numbers"):
        st.dataframe(
            wide,
            key="jl_svd_table",
            hide_index=True,
            column_config={name: st.column_config.NumberColumn(format="%.4g") for name in ("value", "low", "high")},
            placeholder="",
            alt="Relative errors of every method",
        )
        downloads.download(frame, "svd_error")
    st.code(queries.run(version, frame["run_id"][0])["command"], language="bash", wrap_lines=True)
