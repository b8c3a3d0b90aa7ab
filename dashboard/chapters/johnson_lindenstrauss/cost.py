"""Error against cost: dense, sparse, structured projections and feature hashing on one picture."""

from typing import Literal

import numpy as np
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.figures.labs import projected as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.evidence.intervals import mean_interval, proportion_interval
from engine.johnson_lindenstrauss.feature_hashing import hash_features, hashing_variance_factor
from engine.johnson_lindenstrauss.hadamard import padded_length
from engine.johnson_lindenstrauss.random_projection import Kind, project, variance_factor

Method = Kind | Literal["hashing"]
DIMENSIONS = (8, 16, 32, 64)
M, DRAWS = 256, 60
COMPARED: tuple[Kind, ...] = ("gaussian", "sparse")
NAMES: dict[Method, str] = {
    "gaussian": "Gaussian 高斯",
    "rademacher": "signs ±1 随机符号",
    "achlioptas": "Achlioptas, a third 三分之一",
    "sparse": "very sparse, 1/√m 极稀疏",
    "srht": "SRHT 随机哈达玛",
    "hashing": "feature hashing 特征哈希",
}
PLAIN = {"gaussian": "Gaussian", "sparse": "very sparse", "hashing": "feature hashing"}
DATA = {"spread (Gaussian)": "spread", "ten large numbers": "ten", "one-hot difference": "spiky"}
CODE = """
import numpy as np
rng, m, n = np.random.default_rng(0), 4096, 256
x = rng.standard_normal(m); x /= np.linalg.norm(x)
row, sign = rng.integers(0, n, m), rng.choice([-1, 1], m)
y = np.bincount(row, sign * x, minlength=n)          # feature hashing: m additions
print(y @ y)                                         # about 1, sd sqrt(2 / n) = 0.088
"""


def vector(data: str) -> np.ndarray:
    """A unit vector of m numbers."""
    x = np.zeros(M)
    if data == "spread":
        x = np.random.default_rng(7).standard_normal(M)
    elif data == "ten":
        x[:10] = 1.0
    else:
        x[:2] = 1.0, -1.0
    return np.asarray(x / np.linalg.norm(x))


def multiplications(kind: Method, n: int) -> float:
    """Numbers of the matrix that are not zero, or the steps of the fast transform."""
    padded = padded_length(M)
    by_kind = {
        "achlioptas": n * M / 3,
        "sparse": n * np.sqrt(M),
        "srht": padded * np.log2(padded),
        "hashing": float(M),
    }
    return float(by_kind.get(kind, n * M))


@st.cache_data(show_spinner=False, max_entries=64)
def ratios(data: str, kind: Method, n: int) -> np.ndarray:
    """Squared length after the projection, a draw each."""
    x, rng = vector(data)[None], np.random.default_rng([n, len(kind)])
    if kind == "hashing":
        found = [hash_features(x, n_components=n, rng=rng) for _ in range(DRAWS)]
    elif kind == "srht":
        found = [project(x, n_components=n, kind=kind, rng=rng) for _ in range(DRAWS)]
    else:  # rows of these matrices are independent: all draws are one
        found = np.split(np.sqrt(DRAWS) * project(x, n_components=n * DRAWS, kind=kind, rng=rng), DRAWS, axis=1)
    return np.array([float((image**2).sum()) for image in found])


def table(data: str, n: int, eps: float, measure: str) -> pl.DataFrame:
    """One row a projection: name, cost, exact error, measured error with its interval."""
    q, rows = float((vector(data) ** 4).sum()), []
    for kind, name in NAMES.items():
        found = ratios(data, kind, n)
        exact: float | None = None
        if measure == "sd":
            factor = (
                hashing_variance_factor(q)
                if kind == "hashing"
                else variance_factor(kind, n_features=M, n_components=n, q=q)
            )
            exact = float(np.sqrt(factor / n))
            value, low, high, _ = (np.sqrt(max(0.0, part)) for part in mean_interval((found - 1) ** 2))
        else:
            value, low, high, _ = proportion_interval(int((np.abs(found - 1) > eps).sum()), DRAWS)
        rows.append((name, multiplications(kind, n), exact, float(value), float(low), float(high)))
    return pl.DataFrame(rows, schema=["name", "cost", "exact", "value", "low", "high"], orient="row")


def settings(below: DeltaGenerator) -> tuple[str, int, float, bool]:
    """Data, dimensions, tolerance, and, chosen below the figure, whether the error is a standard deviation."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Data", [*DATA], key="jl_cost_data", bind="query-params", width=190)
        n = st.select_slider("Dimensions n", DIMENSIONS, 32, key="jl_cost_n", bind="query-params", width=180)
        eps = st.slider("ε", 0.1, 0.9, 0.5, 0.1, key="jl_cost_eps", bind="query-params", width=150)
    with below:
        measure = st.segmented_control(
            "Error shown",
            ["standard deviation", "share off by more than ε"],
            default="standard deviation",
            key="jl_cost_measure",
            bind="query-params",
            required=True,
        )
    return DATA[chosen], n, eps, measure != "share off by more than ε"


def picture() -> Reading:
    """Six projections by error and cost."""
    above, shown, below = st.container(), st.container(), st.container()
    with above:
        data, n, eps, spread = settings(below)
    frame = table(data, n, eps, "sd" if spread else "share")
    title = "standard deviation of |Ax|²" if spread else f"share of draws with |Ax|² off by more than {eps:g}"
    with shown:
        lesson.titled(
            figures.error_and_cost(frame, y=title),
            f"Do cheaper projections err more? m = {M}, n = {n}, {DRAWS} draws; rings: exact"
            if spread
            else f"Do cheaper projections fail more often? m = {M}, n = {n}, {DRAWS} draws",
            key="jl_cost_picture",
            alt="Error against multiplications for six projections",
        )
    told: tuple[Method, ...] = (*COMPARED, "hashing")
    rows = {kind: frame.filter(name=NAMES[kind]).row(0, named=True) for kind in told}
    q = float((vector(data) ** 4).sum())
    exact = {kind: np.sqrt(variance_factor(kind, n_features=M, n_components=n, q=q) / n) for kind in COMPARED}
    found = ", ".join(
        f"{PLAIN[kind]} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})" for kind, row in rows.items()
    )
    heavy = (
        f"feature hashing has the variance of dense signs but heavier tails: here it is exact unless both numbers fall "
        f"on one row (probability 1/{n}), and then it is off by 1."
        if data == "spiky"
        else "the law is of the variance. Feature hashing has heavier tails than its variance says: choose the one-hot "
        "difference."
    )
    return Reading(
        see=f"with n = {{n}} rows the Gaussian matrix takes {rows['gaussian']['cost']:,.0f} multiplications, the very "
        f"sparse one {rows['sparse']['cost']:,.0f}, feature hashing {rows['hashing']['cost']:,.0f}.",
        theory=f"here q = Σxᵢ⁴ = {q:.3g}. The standard deviation is {exact['gaussian']:.3f} for the Gaussian, "
        f"{exact['sparse']:.3f} for the very sparse matrix and {np.sqrt(hashing_variance_factor(q) / n):.3f} for signs "
        "and for feature hashing.",
        measured=f"{found}; n = {DRAWS} draws each, 95 % intervals.",
        apart=heavy,
        drag={"n": Number("jl_cost_n", DIMENSIONS, "dimensions n")},
    )


CHAPTER = Chapter(
    question="What does a cheap projection cost in accuracy?",
    chinese="稀疏随机投影与特征哈希：误差与代价 · error against cost",
    lead="Sparse projections take fewer multiplications: for spread vectors they are about as accurate as dense ones, "
    "for spiky vectors not.",
    guess=Guess(
        question="a matrix with 15 of 16 numbers zero projects spread data. How much larger is its error?",
        answers=("16 times", "4 times", "hardly"),
        right="hardly",
        because="Its variance is 2 + (s − 3) q, and for spread data q = Σxᵢ⁴ is tiny.",
    ),
    picture=picture,
    beside=True,
    good_for="choosing a projection: signs or Gaussians for spiky counts, sparse or hashed ones for dense vectors.",
    formula=r"n\operatorname{Var}\|Ax\|^2=2(1-q)+(\kappa-1)\,q,\qquad q=\sum_ix_i^4",
    code=CODE,
    reference="Su Jianlin, [[8706]](https://kexue.fm/archives/8706); Achlioptas (2003); Li, Hastie and Church "
    "(2006), doi "
    "10.1145/1150402.1150436; Weinberger et al. (2009), [arXiv 0902.2206](https://arxiv.org/abs/0902.2206); Ailon and "
    "Chazelle (2009).",
)
