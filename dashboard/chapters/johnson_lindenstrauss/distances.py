"""What projections do to distances: all pairs live, and stored sweeps over projections and data."""

import numpy as np
import polars as pl
import streamlit as st
from scipy import stats

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss_measured as figures
from dashboard.parts import downloads, headings, plots
from engine.johnson_lindenstrauss.distortion import Distortion, distortion
from engine.johnson_lindenstrauss.point_clouds import CLOUDS, cloud, fit_principal_components
from engine.johnson_lindenstrauss.random_projection import KINDS, project, variance_factor

TITLE = "What does a projection do to each distance?"
SENTENCE = "The ratio of squared distances after and before, for six kinds of projection and data of your choice."
CHINESE = "随机投影的失真"
NOTE = """Every pair of points has a ratio of squared distances after and before the projection. The histogram shows
all pairs of one draw, the curve the law of a single pair. Six projections differ in their **variance**, and the
variance depends on the data: very sparse maps fail on spiky differences (one-hot vectors), signs do better than
Gaussians there, orthogonal rows are always better. Principal components look at the data and win on average where the
spectrum decays, but promise nothing for a single pair."""
FORMULA = r"n\operatorname{Var}\|Ax\|^2 = 2(1-q) + (\kappa-1)\,q, \qquad q=\sum_i x_i^4,\ \|x\|=1"
SOURCE = (
    "`engine.johnson_lindenstrauss.random_projection`; kexue.fm/archives/8706; Achlioptas (2003); "
    "Li, Hastie and Church (2006)"
)
COMMAND = "python -m jobs.johnson_lindenstrauss distortion"


def show() -> None:
    """The chapter below its title."""
    SAMPLES, FEATURES = 200, 512

    @st.cache_data(show_spinner=False, max_entries=16)
    def points(data: str, seed: int) -> np.ndarray:
        """A cloud."""
        return cloud(data, SAMPLES, FEATURES, rng=np.random.default_rng(seed))

    @st.cache_data(show_spinner=False, max_entries=64)
    def measured(data: str, method: str, n: int, seed: int) -> tuple[Distortion, float]:
        """All pairs of one draw, and the exact standard deviation of a pair's ratio (NaN for principal components)."""
        x = points(data, seed)
        edges = np.linspace(0, 4, 161)
        if method == "pca":
            return distortion(x, fit_principal_components(x, n_components=n).transform(x), edges=edges), float("nan")
        projected = project(x, n_components=n, kind=method, rng=np.random.default_rng([seed, n]))
        differences = x[1:] - x[:-1]
        q = float(np.mean((differences**4).sum(axis=1) / (differences**2).sum(axis=1) ** 2))
        factor = variance_factor(method, n_features=FEATURES, n_components=n, q=q)
        return distortion(x, projected, edges=edges), float(np.sqrt(factor / n))

    st.header("One draw, all pairs", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        data = st.selectbox("Data", CLOUDS, key="jl_distances_data", bind="query-params", width=170)
        method = st.selectbox("Projection", [*KINDS, "pca"], key="jl_distances_kind", bind="query-params", width=170)
        n = st.select_slider(
            "Dimensions n", [4, 8, 16, 32, 64, 128, 200], 64, key="jl_distances_n", bind="query-params", width=300
        )
        eps = st.slider("ε", 0.05, 0.95, 0.3, 0.05, key="jl_distances_eps", bind="query-params", width=200)
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_distances_seed", bind="query-params", width=110)
    found, sd = measured(data, method, n, seed)
    spread = sd if np.isfinite(sd) else max(found.sd, 0.02)
    grid = np.linspace(
        max(1e-3, min(found.minimum, 1 - 4.5 * spread)), max(found.maximum, 1 + 4.5 * spread) + 0.02, 300
    )
    if method == "gaussian":
        law, law_name = n * stats.chi2.pdf(n * grid, n), "exact law of a pair (χ²ₙ / n)"
    elif method == "pca":
        law, law_name = np.full_like(grid, np.nan), "no law: it depends on the data"
    else:
        law, law_name = stats.norm.pdf(grid, 1, max(sd, 1e-3)), "normal law with the exact variance"
    with st.container(horizontal=True):
        st.metric("Largest |ratio − 1|", f"{found.largest:.3f}")
        st.metric("sd of the ratios", f"{found.sd:.3f}")
        st.metric("sd of one pair, exact", f"{sd:.3f}" if np.isfinite(sd) else "–")
        inside = found.counts[(found.edges[:-1] >= 1 - eps - 1e-9) & (found.edges[1:] <= 1 + eps + 1e-9)].sum()
        st.metric("Pairs within 1 ± ε (to a bin)", f"{inside / found.n_pairs:.1%}")
    plots.show(
        figures.ratios(found.edges, found.counts, grid, law, law_name=law_name, eps=eps),
        key="jl_distances_histogram",
        alt="Ratios of squared distances of all pairs",
    )
    st.caption(
        f"{SAMPLES} points, {FEATURES} columns, {found.n_pairs:,} pairs. Worst pair: rows {found.worst[0].tolist()}, "
        f"ratio {found.worst_ratios[0]:.3f}. Pairs of one draw are not independent: their histogram may be shifted."
    )
    version = queries.store_version()
    st.header("Measured: the worst pair against n", anchor=False)
    runs = queries.run_list(version, experiment="johnson_lindenstrauss", task="distortion")
    stored = [
        run_id
        for run_id in runs["run_id"]
        if not queries.measurements(version, "jl_distortion", run_ids=(run_id,)).is_empty()
    ]
    if not stored:
        headings.empty(COMMAND)
    else:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            run_id = st.selectbox("Run", stored, key="jl_distances_run", bind="query-params", width=260)
            frame = queries.measurements(version, "jl_distortion", run_ids=(run_id,))
            chosen = st.selectbox(
                "Data set", sorted(frame["data"].unique()), key="jl_distances_stored", bind="query-params", width=220
            )
            metric = st.segmented_control(
                "Show", ["largest", "sd", "rms"], default="largest", key="jl_distances_metric", bind="query-params"
            )
        of_set = frame.filter(pl.col("data") == chosen)
        part, exact = (of_set.filter(source=source) for source in ("measured", "exact"))
        metric = metric or "largest"
        plots.show(
            figures.largest_by_dimension(part, series="kind", colors=figures.KIND_COLORS, metric=metric, exact=exact),
            key="jl_distances_sweep",
            alt="Distortion against the number of dimensions",
        )
        repeats = part.filter(pl.col("metric") == metric)["n"].max()
        st.caption(
            f"Bands: 95 % intervals{words.over(repeats, 'draw')} of each projection; few draws make them wide. "
            "Where a band runs into the foot of the plot, its lower end is below zero."
        )
        with st.expander("Worst pairs and all numbers"):
            worst = queries.measurements(version, "jl_worst", run_ids=(run_id,)).filter(pl.col("data") == chosen)
            st.dataframe(worst, key="jl_distances_worst", hide_index=True, alt="Worst pairs")
            st.dataframe(frame, key="jl_distances_table", hide_index=True, alt="All measurements")
            downloads.download(frame, f"jl_distortion_{run_id}")
        st.code(queries.run(version, run_id)["command"], language="bash", wrap_lines=True)
    st.header("Principal components beside random projections", anchor=False)
    pca = queries.measurements(version, "pca_distortion", experiment="johnson_lindenstrauss")
    if pca.is_empty():
        headings.empty("python -m jobs.johnson_lindenstrauss pca")
    else:
        pca = pca.filter(pl.col("run_id") == pca["run_id"].max())
        st.caption(f"Means{words.over(pca['n'].max(), 'draw')} with 95 % intervals, one plot for each kind of data.")
        columns = st.columns(2)
        for index, name in enumerate(sorted(pca["data"].unique())):
            with columns[index % 2]:
                st.subheader(name, anchor=False)
                plots.show(
                    figures.largest_by_dimension(
                        pca.filter(data=name), series="method", colors=figures.METHOD_COLORS, metric="largest"
                    ),
                    key=f"jl_distances_pca_{name}",
                    alt=f"Worst pair of principal components and random projections, {name}",
                )
