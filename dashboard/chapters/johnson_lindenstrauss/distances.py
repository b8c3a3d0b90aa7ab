"""What projections do to distances: all pairs live, and stored sweeps over projections and data."""

from typing import Literal

import numpy as np
import polars as pl
import streamlit as st
from scipy.special import gammaln

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss_measured as figures
from dashboard.parts import downloads, headings, plots
from dashboard.parts.labs import stored_table
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.johnson_lindenstrauss.distortion import Distortion, distortion
from engine.johnson_lindenstrauss.point_clouds import CLOUDS, Cloud, cloud, fit_principal_components
from engine.johnson_lindenstrauss.random_projection import KINDS, Kind, project, variance_factor

CODE = """
import numpy as np
from scipy.spatial.distance import pdist

x = np.random.default_rng(0).standard_normal((200, 512))
y = x @ np.random.default_rng(1).standard_normal((512, 64)) / 8          # / sqrt(64)
ratio = (pdist(y) / pdist(x)) ** 2
print(ratio.std(), (2 / 64) ** 0.5)                                      # law of one pair
"""
DIMENSIONS = (4, 8, 16, 32, 64, 128, 200)
SAMPLES, FEATURES = 200, 512
Method = Kind | Literal["pca"]
METHODS: tuple[Method, ...] = (*KINDS, "pca")
COMMAND = "python -m jobs.johnson_lindenstrauss distortion"


@st.cache_data(show_spinner=False, max_entries=16)
def points(data: Cloud, seed: int) -> np.ndarray:
    """A cloud."""
    return cloud(data, SAMPLES, FEATURES, rng=np.random.default_rng(seed))


@st.cache_data(show_spinner=False, max_entries=64)
def measured(data: Cloud, method: Method, n: int, seed: int) -> tuple[Distortion, float]:
    """All pairs of one draw, and the exact standard deviation of a pair's ratio (NaN for principal components)."""
    x, edges = points(data, seed), np.linspace(0, 4, 161)
    if method == "pca":
        return distortion(x, fit_principal_components(x, n_components=n).transform(x), edges=edges), float("nan")
    projected = project(x, n_components=n, kind=method, rng=np.random.default_rng([seed, n]))
    differences = x[1:] - x[:-1]
    q = float(np.mean((differences**4).sum(axis=1) / (differences**2).sum(axis=1) ** 2))
    factor = variance_factor(method, n_features=FEATURES, n_components=n, q=q)
    return distortion(x, projected, edges=edges), float(np.sqrt(factor / n))


def settings() -> tuple[Cloud, Method, int, float, int]:
    """Data, projection, dimensions, tolerance and seed."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        data = st.selectbox("Data", CLOUDS, key="jl_distances_data", bind="query-params", width=170)
        method = st.selectbox("Projection", METHODS, key="jl_distances_kind", bind="query-params", width=170)
        n = st.select_slider("Dimensions n", DIMENSIONS, 64, key="jl_distances_n", bind="query-params", width=300)
        eps = st.slider("ε", 0.05, 0.95, 0.3, 0.05, key="jl_distances_eps", bind="query-params", width=200)
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_distances_seed", bind="query-params", width=110)
    return data, method, n, eps, int(seed)


def law_of(method: str, n: int, sd: float, grid: np.ndarray) -> tuple[np.ndarray, str]:
    """Density of one pair's ratio, and what it is called."""
    if method == "gaussian":
        density = np.exp(n / 2 * (np.log(n * grid / 2) - grid) - gammaln(n / 2)) / grid  # of χ²ₙ at n x, times n
        return density, "exact law of a pair (χ²ₙ / n)"
    if method == "pca":
        return np.full_like(grid, np.nan), "no law: it depends on the data"
    sd = max(sd, 1e-3)
    return np.exp(-(((grid - 1) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi)), "normal law with the exact variance"


def picture() -> Reading:
    """All pairs of one draw."""
    data, method, n, eps, seed = settings()
    found, sd = measured(data, method, n, seed)
    spread = sd if np.isfinite(sd) else max(found.sd, 0.02)
    grid = np.linspace(
        max(1e-3, min(found.minimum, 1 - 4.5 * spread)), max(found.maximum, 1 + 4.5 * spread) + 0.02, 300
    )
    law, law_name = law_of(method, n, sd, grid)
    inside = found.counts[(found.edges[:-1] >= 1 - eps - 1e-9) & (found.edges[1:] <= 1 + eps + 1e-9)].sum()
    plots.show(
        figures.ratios(found.edges, found.counts, grid, law, law_name=law_name, eps=eps),
        key="jl_distances_histogram",
        title=f"{inside / found.n_pairs:.1%} of all pairs keep their squared distance within 1 ± {eps:g}".replace(
            "%", " %"
        ),
        alt="Ratios of squared distances of all pairs",
    )
    with st.container(horizontal=True):
        st.metric("Largest |ratio − 1|", f"{found.largest:.3f}")
        st.metric("sd of the ratios", f"{found.sd:.3f}")
        st.metric("sd of one pair, exact", f"{sd:.3f}" if np.isfinite(sd) else "–")
        st.metric("Pairs within 1 ± ε (to a bin)", f"{inside / found.n_pairs:.1%}")
    exact = f"{sd:.3f}" if np.isfinite(sd) else "not known: principal components depend on the data"
    return Reading(
        see=f"with n = {{n}} the worst pair is off by {found.largest:.3f}; {inside / found.n_pairs:.1%} of the "
        f"pairs lie "
        "within 1 ± {eps}.".replace("%", " %"),
        theory=f"the standard deviation of one pair's ratio is {exact}. It depends on the projection and on the data: "
        "very sparse maps fail on spiky differences, signs do better than Gaussians there, orthogonal rows are always "
        "better.",
        measured=f"{SAMPLES} points, {FEATURES} columns, n = {found.n_pairs:,} pairs of one draw: {found.sd:.3f}. "
        f"Worst pair: rows {' and '.join(map(str, found.worst[0]))}, ratio {found.worst_ratios[0]:.3f}. One draw has "
        "no interval; the stored sweeps below have.",
        apart="pairs of one draw are not independent: their histogram may be shifted as a whole.",
        drag={
            "n": Number("jl_distances_n", DIMENSIONS, "dimensions n"),
            "eps": Number("jl_distances_eps", spaced(0.05, 0.95, 0.05), "tolerance ε"),
        },
    )


def runs_with_distortion(version: str) -> list[str]:
    """Runs that stored a sweep, newest first."""
    runs = queries.run_list(version, experiment="johnson_lindenstrauss", task="distortion")["run_id"]
    return [one for one in runs if not queries.measurements(version, "jl_distortion", run_ids=(one,)).is_empty()]


def show_sweep() -> None:
    """The worst pair against n, from a stored sweep."""
    version = queries.store_version()
    stored = runs_with_distortion(version)
    if not stored:
        headings.empty(COMMAND)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = st.selectbox("Run", stored, key="jl_distances_run", bind="query-params", width=260)
        frame = queries.measurements(version, "jl_distortion", run_ids=(run_id,))
        chosen = st.selectbox(
            "Data set", sorted(frame["data"].unique()), key="jl_distances_stored", bind="query-params", width=220
        )
        metric = st.segmented_control(
            "Show", ["largest", "sd", "rms"], default="largest", key="jl_distances_metric", bind="query-params",
            required=True,
        )  # fmt: skip
    of_set = frame.filter(pl.col("data") == chosen)
    part, exact = (of_set.filter(source=source) for source in ("measured", "exact"))
    plots.show(
        figures.largest_by_dimension(part, series="kind", colors=figures.KIND_COLORS, metric=metric, exact=exact),
        key="jl_distances_sweep",
        title=f"How fast does the error fall with n? Data: {chosen}",
        alt="Distortion against the number of dimensions",
    )
    repeats = part.filter(pl.col("metric") == metric)["n"].max()
    st.caption(
        f"{words.means(repeats, 'draw')} of each projection. Where a band runs into the foot of the plot, its lower "
        "end is below zero."
    )
    worst = queries.measurements(version, "jl_worst", run_ids=(run_id,)).filter(pl.col("data") == chosen)
    st.markdown("The five worst pairs of every projection, squared distance after / before:")
    titles = {"kind": "projection", "n_components": "n", "rank": "place", "i": "row", "j": "and row", "value": "ratio"}
    stored_table.show(worst, titles, key="jl_distances_worst", alt="Worst pairs")
    downloads.download(frame, f"jl_distortion_{run_id}")
    st.code(queries.run(version, run_id)["command"], language="bash", wrap_lines=True)


def show_components() -> None:
    """Principal components beside random projections."""
    pca = queries.measurements(queries.store_version(), "pca_distortion", experiment="johnson_lindenstrauss")
    if pca.is_empty():
        headings.empty("python -m jobs.johnson_lindenstrauss pca")
        return
    pca = pca.filter(pl.col("run_id") == pca["run_id"].max())
    st.caption(f"{words.means(pca['n'].max(), 'draw')}, one plot for each kind of data.")
    columns = st.columns(2)
    for index, name in enumerate(sorted(pca["data"].unique())):
        plots.show(
            figures.largest_by_dimension(
                pca.filter(data=name), series="method", colors=figures.METHOD_COLORS, metric="largest"
            ),
            key=f"jl_distances_pca_{name}",
            title=f"Which keeps the worst pair better, PCA or a random map? {name}",
            alt=f"Worst pair of principal components and random projections, {name}",
            place=columns[index % 2],
        )


CHAPTER = Chapter(
    question="What does a projection do to each distance?",
    chinese="随机投影的失真 · distortion",
    lead="The histogram shows by which factor a projection changes the squared distance of every pair; the curve is "
    "the law of a single pair.",
    guess=Guess(
        question="one-hot vectors, 64 dimensions: which keeps the worst pair better?",
        answers=("principal components", "a random projection"),
        right="a random projection",
        because="Principal components collapse some pairs of one-hot vectors; they promise nothing for a single pair.",
    ),
    picture=picture,
    good_for="choosing between PCA (better on average where the spectrum decays) and a random map (a promise for each "
    "pair).",
    formula=r"n\operatorname{Var}\|Ax\|^2=2(1-q)+(\kappa-1)\,q,\qquad q=\sum_ix_i^4,\ \|x\|=1",
    code=CODE,
    reference="Su Jianlin, [[8706]](https://kexue.fm/archives/8706); Achlioptas (2003); Li, Hastie and Church (2006).",
    more={
        "Stored: the worst pair against n": show_sweep,
        "Stored: principal components beside random projections": show_components,
    },
    inside={
        "jl_distances_run": "Stored: the worst pair against n",
        "jl_distances_stored": "Stored: the worst pair against n",
        "jl_distances_metric": "Stored: the worst pair against n",
    },
)
