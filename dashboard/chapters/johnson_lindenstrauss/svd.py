"""Randomized SVD: the range finder against the optimum and its bound, and the printed recipe beside its repair."""

from collections.abc import Callable

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss_measured as figures
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs import stored_table
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.johnson_lindenstrauss import randomized_svd as rsvd

CODE = """
import numpy as np

omega = np.random.default_rng(0).standard_normal((M.shape[1], k + 8))
q, _ = np.linalg.qr(M @ omega)                        # range finder: where M lives
u, s, vt = np.linalg.svd(q.T @ M, full_matrices=False)
approximation = (q @ u[:, :k]) * s[:k] @ vt[:k]       # M ~ Q (Q^T M), not M Q Q^T
"""
OVERSAMPLING, POWERS = (2, 4, 8, 16, 32), (0, 1, 2, 3)
COMMAND = "python -m jobs.johnson_lindenstrauss svd"
SHAPE = (120, 80)
RANKS = np.array([2, 4, 6, 8, 12, 16, 24, 32, 40])
SPECTRA: dict[str, Callable[[np.ndarray], np.ndarray]] = {
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


def picture() -> Reading:
    """Errors of every method against the rank."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        spectrum = st.selectbox("Singular values", list(SPECTRA), key="jl_svd_spectrum", bind="query-params", width=240)
        oversampling = st.select_slider(
            "Oversampling p", OVERSAMPLING, 8, key="jl_svd_oversampling", bind="query-params", width=220
        )
        power = st.select_slider("Power iterations q", POWERS, 0, key="jl_svd_power", bind="query-params", width=180)
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_svd_seed", bind="query-params", width=110)
    _, values = made(spectrum)
    curves = errors(spectrum, oversampling, power, int(seed))
    bound = None
    if power == 0:
        bound = np.array([rsvd.expected_error_bound(values, int(k), oversampling=oversampling) for k in RANKS])
    at = int(np.flatnonzero(RANKS == 16)[0])
    here = {name: float(curve[at]) for name, curve in curves.items()}
    plots.show(
        figures.svd_errors(RANKS, curves, bound=bound),
        key="jl_svd_live",
        title=f"At rank 16 the range finder errs by {here['range_finder']:.2g} of ‖M‖, the printed recipe by "
        f"{here['post_orthonormal']:.2g}; one random draw for each rank",
        alt="Error of randomized SVD against the rank",
    )
    qr, raw = (rsvd.post_recipe_error(1.0, SHAPE[1], 16, orthonormal=flag) for flag in (True, False))
    return Reading(
        see=f"with p = {{p}} and q = {{q}}, at rank 16 the range finder errs by {here['range_finder']:.3g}, the best "
        f"possible is {rsvd.optimal_error(values, 16):.3g}; the recipe as printed {here['post_orthonormal']:.3f} "
        f"(QR) and "
        f"{here['post_raw']:.3f} (raw Q), repaired {here['repaired']:.3g}.",
        theory=f"QQᵀ has rank k and is the identity only on average, so the relative error of the printed "
        f"recipe does not depend on M: "
        f"√(1 − k/n) = {qr:.3f} with QR and √((n + 1)/k) = {raw:.3f} raw, worse than returning zero. Projecting on the "
        "span of MΩ, or on the left singular vectors U of the same MQ, is near the optimum.",
        measured=f"one draw for each of n = {len(RANKS)} ranks, no interval: printed recipe "
        f"{here['post_orthonormal']:.3f} "
        f"against {qr:.3f}. The stored sweeps below have intervals.",
        apart="the range finder uses k + p directions, the others k, so it may lie below the optimum of rank k."
        + ("" if power == 0 else " The bound is known without power iterations only."),
        drag={
            "p": Number("jl_svd_oversampling", OVERSAMPLING, "oversampling p"),
            "q": Number("jl_svd_power", POWERS, "power iterations q"),
        },
    )


def pick_sweep(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The rows of a stored sweep that are shown, and the norm."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        matrix = st.selectbox(
            "Matrix", sorted(frame["matrix"].unique()), key="jl_svd_matrix", bind="query-params", width=240
        )
        norm = st.segmented_control(
            "Norm", ["frobenius", "spectral"], default="frobenius", key="jl_svd_norm", bind="query-params",
            required=True,
        )  # fmt: skip
        extras = sorted(frame.filter(method="range_finder")["oversampling"].unique())
        extra = st.segmented_control(
            "Oversampling p", extras, default=extras[-1], key="jl_svd_extra", bind="query-params", required=True
        )
    part = frame.filter(pl.col("matrix") == matrix, pl.col("metric") == norm)
    wide = pl.col("method").is_in(["range_finder", "optimum"])
    return part.filter(pl.col("oversampling") == pl.when(wide).then(extra).otherwise(0)), norm


def show_stored() -> None:
    """Stored sweeps with their bounds."""
    version = queries.store_version()
    frame = queries.measurements(version, "svd_error", experiment="johnson_lindenstrauss")
    if frame.is_empty():
        headings.empty(COMMAND)
        return
    frame = frame.filter(pl.col("run_id") == frame["run_id"].max())
    part, norm = pick_sweep(frame)
    plots.show(
        figures.svd_sweep(part, norm=norm),
        key="jl_svd_sweep",
        title="How close to the best possible error does each recipe come?",
        alt="Stored errors against the rank, bounds",
    )
    st.caption(
        f"Points: {words.means(part['n'].max(), 'draw').lower()}. The optimum is that of rank k + p, "
        "which no basis of k + p directions can beat; the recipes use k directions. Dash-dotted: bounds of the mean "
        "(Halko, Martinsson and Tropp); dotted: exact."
    )
    names = ["method", "oversampling", "power_iterations", "rank", "source", "value", "low", "high", "n"]
    told = part.sort(names[:5]).with_columns(pl.col("method").replace(figures.SVD_NAMES))
    titles = {name: name.replace("_", " ") for name in names} | {"value": "error", "low": "95 % from", "high": "to"}
    stored_table.show(told, titles | {"n": "draws"}, key="jl_svd_table", alt="Relative errors of every method")
    downloads.download(frame, "svd_error")
    st.code(queries.run(version, frame["run_id"][0])["command"], language="bash", wrap_lines=True)


CHAPTER = Chapter(
    question="Can a random matrix find the singular vectors?",
    chinese="随机奇异值分解 · randomized SVD",
    lead="Projecting M on the range of MΩ, with a thin random Ω, comes close to the best rank-k approximation; the "
    "post's printed recipe does not.",
    guess=Guess(
        question="M has rank 5, Q is a random orthonormal 80 × 16. What is the error of MQQᵀ?",
        answers=("0", "about 10 %", "about 90 %"),
        right="about 90 %",
        because="Q never saw M: a random 16 of 80 directions keep a fifth of its squares, and √(1 − 16/80) = 0.89.",
    ),
    picture=picture,
    good_for="a quick SVD of a large matrix: range finder, a few more directions than wanted, one or two power "
    "iterations.",
    formula=r"M\approx Q(Q^\top M),\ Q=\operatorname{orth}(M\Omega)\qquad\text{not}\qquad M\approx M\,QQ^\top",
    code=CODE,
    reference="Su Jianlin, [[8706]](https://kexue.fm/archives/8706) (the recipe); Halko, Martinsson and Tropp (2011), "
    "[arXiv 0909.4061](https://arxiv.org/abs/0909.4061).",
    more={"Stored sweeps with intervals": show_stored},
    inside={
        "jl_svd_matrix": "Stored sweeps with intervals",
        "jl_svd_norm": "Stored sweeps with intervals",
        "jl_svd_extra": "Stored sweeps with intervals",
    },
)
