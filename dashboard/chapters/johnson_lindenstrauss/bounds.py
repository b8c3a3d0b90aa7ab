"""How many dimensions does the Johnson-Lindenstrauss lemma ask for? A calculator and the ladder of bounds."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss as figures
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs import stored_table
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.johnson_lindenstrauss.bounds import BOUNDS, WITHOUT_DELTA, is_useless, jl_dim, success_probability

COMMAND = "python -m jobs.johnson_lindenstrauss bounds"
CODE = """
import numpy as np
from scipy.stats import chi2

N, eps, n = 1000, 0.3, 916
pair = chi2.sf(n * (1 + eps), n) + chi2.cdf(n * (1 - eps), n)
print(N * (N - 1) / 2 * pair, 1 / N)                   # the exact law, added over all pairs
"""
DELTAS = (1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.5)
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


def settings() -> tuple[int, int, float, float]:
    """Points, columns, tolerance and risk."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n_samples = st.number_input("Points N", 2, 10**9, 1000, key="jl_samples", bind="query-params", width=150)
        n_features = st.number_input("Columns m", 1, 10**9, 768, key="jl_features", bind="query-params", width=150)
        eps = st.slider("ε", 0.01, 0.99, 0.3, 0.01, key="jl_eps", bind="query-params", width=240)
        delta = st.select_slider(
            "δ, probability that some pair fails", DELTAS, 0.01, key="jl_delta", bind="query-params", width=240
        )
    return int(n_samples), int(n_features), eps, delta


def minima() -> pl.DataFrame:
    """Smallest numbers of dimensions that worked, as stored: n_samples, eps, value, n."""
    stored = queries.measurements(queries.store_version(), "jl_dimension", experiment="johnson_lindenstrauss")
    stored = stored.filter(pl.col("source") == "measured", pl.col("metric") == "n_components")
    if stored.is_empty():
        return pl.DataFrame(schema={"n_samples": pl.Int64, "eps": pl.Float64, "value": pl.Float64, "n": pl.Int64})
    return stored.group_by("n_samples", "eps").agg(pl.col("value").median(), pl.col("n").max()).sort("n_samples", "eps")


def show_ladders(n_samples: int, n_features: int, eps: float, delta: float, measured: pl.DataFrame) -> None:
    """Dimensions of every bound along ε and along N."""
    for column, axis in zip(st.columns(2), ("ε", "N"), strict=True):
        x, dims = ladder(axis, n_samples, eps, delta)
        same = pl.col("n_samples") == n_samples if axis == "ε" else pl.col("eps") == eps
        points, name = measured.filter(same), "eps" if axis == "ε" else "n_samples"
        plots.show(
            figures.ladder(x, dims, axis=axis, n_features=n_features, measured=points.select(name, "value").rows()),
            key=f"jl_ladder_{'eps' if axis == 'ε' else 'samples'}",
            title="How many dimensions "
            + (f"for each ε, at N = {n_samples:,}?" if axis == "ε" else f"for each N, at ε = {eps:g}?"),
            alt=f"Dimensions of every bound against {axis}",
            place=column,
        )


def picture() -> Reading:
    """The ladder of bounds."""
    n_samples, n_features, eps, delta = settings()
    measured = minima()
    show_ladders(n_samples, n_features, eps, delta, measured)
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
    saving = "no saving: the data have fewer columns" if exact >= n_features else f"{exact / n_features:.1%} of m"
    return Reading(
        see=f"For {n_samples:,} points, ε = {{eps}} and δ = {{delta}} the exact law asks for **{exact:,} dimensions**, "
        f"which is {saving}.".replace("%", " %"),
        theory="the bounds promise more than is needed: Chernoff's inequality on one pair, then the sum over all "
        "pairs. "
        "The exact law replaces the first by the chi-square law, which is what a single pair really does.",
        measured=found_sentence(n_samples, eps, measured),
        apart="the lemma speaks of *squared* distances and of points fixed before the matrix is drawn; the sum over "
        "pairs counts overlapping failures twice.",
        drag={
            "eps": Number("jl_eps", spaced(0.01, 0.99, 0.01), "tolerance ε"),
            "delta": Number("jl_delta", DELTAS, "risk δ", "{:g}"),
        },
    )


def found_sentence(n_samples: int, eps: float, measured: pl.DataFrame) -> str:
    """What the stored runs needed."""
    if measured.is_empty():
        headings.empty(COMMAND, "The measured minima (circles) are not stored yet.")
        return f"nothing stored (n = 0, no interval); `{COMMAND}` finds what half of the draws need."
    nearest = measured.filter(pl.col("n_samples") == n_samples, (pl.col("eps") - eps).abs() < 1e-9)
    groups = [
        f"N = {points:,}: "
        + ", ".join(f"{int(row['value']):,} at ε = {row['eps']:g}" for row in of_size.iter_rows(named=True))
        for (points,), of_size in measured.group_by("n_samples", maintain_order=True)
    ]
    here = f"here {int(nearest['value'][0]):,}; all stored: " if nearest.height else ""
    return (
        f"the smallest number of dimensions that kept all pairs in half of the draws"
        f"{words.over(measured['n'].max(), 'draw')}, without an interval: {here}{'; '.join(groups)}."
    )


def show_minima() -> None:
    """The stored minima as a table."""
    measured = minima()
    if measured.is_empty():
        headings.empty(COMMAND, "The measured minima are not stored yet.")
        return
    titles = {"n_samples": "points N", "eps": "ε", "value": "smallest n of half of the draws", "n": "draws"}
    stored_table.show(
        measured.with_columns(pl.col("value").cast(pl.Int64)),
        titles,
        key="jl_measured",
        alt="Smallest dimensions that worked",
    )
    downloads.download(measured, "jl_measured")


CHAPTER = Chapter(
    question="How many dimensions keep all distances?",
    chinese="约翰逊-林登斯特劳斯引理：需要多少维 · the ladder of bounds",
    lead="Bounds promise that n dimensions keep all distances of N points within 1 ± ε; the exact law and "
    "measurements show how few suffice.",
    guess=Guess(
        question="a thousand points, ε = 0.1: how many dimensions does the post's bound ask for?",
        answers=("about 70", "about 1,700", "about 17,000"),
        right="about 17,000",
        because="24 · ln 1000 / 0.01 = 16,579. BERT has 768: with an error this small the lemma saves nothing.",
    ),
    picture=picture,
    good_for="a number before projecting: read the exact law, and skip the projection where n ≥ m.",
    formula=r"(1-\varepsilon)\|x_i-x_j\|^2\le\|A(x_i-x_j)\|^2\le(1+\varepsilon)\|x_i-x_j\|^2,\quad "
    r"n>\frac{24\ln N}{\varepsilon^2}",
    code=CODE,
    reference="Su Jianlin, [[8679]](https://kexue.fm/archives/8679); scikit-learn's `johnson_lindenstrauss_min_dim`; "
    "Achlioptas (2003).",
    more={"The measured minima": show_minima},
)
