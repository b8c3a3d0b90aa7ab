"""How many dimensions do N words need? The entropy rule, its exact constant, and where random tables freeze."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import dimension as figures
from dashboard.parts import headings, plots
from engine.dimension import entropy

TITLE = "How many dimensions do N words need?"
SENTENCE = (
    "The entropy of a table of random vectors reaches zero near n = 8.3 ln N: what happens there, and what "
    "it depends on."
)
CHINESE = "最小熵原理：词向量的维度"
NOTE = """A table of random vectors is read as a joint law of pairs of words. Its entropy falls with the dimension and
reaches zero near n = 8.31 ln N: the post's rule n > 8.33 ln N. What really happens there is **freezing**: a random
table puts its mass on a handful of pairs, and the approximation ends. It is a statement about random vectors of norm
√n. A softmax over one row has ln N instead of 2 ln N, hence half the dimensions; and the constant depends strongly on
the norm."""
FORMULA = (
    r"2\ln N + h_n = 0, \qquad h_n \approx -\frac{n}{2}\ln\varphi - 0.0739, \qquad "
    r"n = \frac{4}{\ln\varphi}\ln N = 8.3123\,\ln N"
)
SOURCE = "kexue.fm/archives/7695 and 8711; exact h_n by Bessel functions"
COMMAND = "python -m jobs.dimension entropy"


@st.cache_data(show_spinner=False, max_entries=16)
def thresholds(rho: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Dimensions against N for the readings of the rule."""
    sizes = np.geomspace(10, 1e8, 22)  # straight lines but for the first decade
    curves = {
        "pairs, exact": np.asarray(entropy.dimension_for(sizes, rho=rho)),
        "rows, exact": np.asarray(entropy.dimension_for(sizes, form="rows", rho=rho)),
    }
    if rho == 1:
        curves["post: 8.33 ln N"] = entropy.POST_COEFFICIENT * np.log(sizes)
    curves["retrieval: 1.61 ln N"] = entropy.RETRIEVAL_COEFFICIENT * np.log(sizes)
    return sizes, curves


@st.cache_data(show_spinner=False, max_entries=64)
def drawn(size: int, form: str) -> list[tuple[float, float, float, float]]:
    """Entropies of four random tables for several n: n, mean, smallest, largest."""
    points = []
    for n in (4, 8, 16, 24, 32, 40, 48, 64, 96):
        values = [
            entropy.random_table_entropy(size, n, rng=np.random.default_rng([n, seed]), form=form) for seed in range(4)
        ]
        points.append((n, float(np.mean(values)), min(values), max(values)))
    return points


def show() -> None:
    """The chapter below its title."""
    st.header("Calculator", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.number_input(
            "Words or keys N", 2, 10**12, 100_000, key="dimension_size", bind="query-params", width=180
        )
        rho = st.select_slider(
            "Norm: |u||v| / n",
            [0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0],
            1.0,
            key="dimension_rho",
            bind="query-params",
            width=320,
        )
    with st.container(horizontal=True):
        st.metric("Pairs, exact", f"{float(entropy.dimension_for(size, rho=rho)):.2f}")
        st.metric("Rows, exact", f"{float(entropy.dimension_for(size, form='rows', rho=rho)):.2f}")
        st.metric("Post: 8.33 ln N", f"{entropy.POST_COEFFICIENT * np.log(size):.2f}")
        st.metric("Coefficient at this norm", f"{float(entropy.coefficient(rho=rho)):.4f}")
        st.metric("Retrieval of one key", f"{float(entropy.retrieval_threshold(size)):.2f}")
    st.caption(
        "8.33 comes from rounding (ln φ)/2 = 0.2406 to 0.24; the exact constant is 4/ln φ = 8.3123. With half the norm "
        "product it is 21.25, with twice it is 4.25."
    )
    plots.show(
        figures.thresholds(*thresholds(rho), chosen=size), key="dimension_thresholds", alt="Dimensions against N"
    )
    examples = pl.DataFrame(
        [
            {
                "Case": e.case,
                "N": e.vocabulary,
                "used": e.used,
                "8.33 ln N": e.rule,
                "pairs, exact": e.pairs,
                "rows": e.rows,
            }
            for e in entropy.post_examples()
        ]
    )
    number = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(
        examples,
        key="dimension_examples",
        hide_index=True,
        column_config={"8.33 ln N": number, "pairs, exact": number, "rows": number},
        alt="The post's examples",
        placeholder="",
    )
    st.header("hₙ: exact, asymptotic, rounded", anchor=False)
    n = np.unique(np.geomspace(2, 4096, 80).astype(int)).astype(float)
    plots.show(
        figures.shift(n, entropy.condensation_entropy(n), -0.24 * n, entropy.condensation_entropy_asymptote(n)),
        key="dimension_shift",
        alt="Entropy shift per dimension",
    )
    st.header("Where the entropy freezes", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = (
            st.segmented_control("Law", ["pairs", "rows"], default="pairs", key="dimension_form", bind="query-params")
            or "pairs"
        )
        n_words = st.select_slider(
            "Words N", [32, 64, 128, 256], 128, key="dimension_words", bind="query-params", width=260
        )
    dims = np.linspace(2, 100, 120)
    terms = 2 if form == "pairs" else 1
    plots.show(
        figures.entropy(
            dims,
            terms * np.log(n_words) + entropy.condensation_entropy(dims),
            drawn(n_words, form),
            threshold=float(entropy.dimension_for(n_words, form=form)),
        ),
        key="dimension_entropy",
        alt="Measured entropy of random tables",
    )
    st.caption("Four tables a point, drawn now; the band is their range. Stored sweeps have more and larger tables:")
    version = queries.store_version()
    stored = queries.measurements(version, "entropy", experiment="dimension")
    if stored.is_empty():
        headings.empty(COMMAND)
        st.stop()
    stored = stored.filter(pl.col("run_id") == stored["run_id"].max())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kept = st.selectbox(
            "N",
            sorted(stored["vocabulary"].unique()),
            index=None,
            key="dimension_stored",
            bind="query-params",
            placeholder="largest",
        )
        scaled = st.toggle(
            "Logits divided by √n (attention)", key="dimension_scaled", bind="query-params", disabled=form == "pairs"
        )
    vocabulary = kept or stored["vocabulary"].max()
    part = stored.filter(
        pl.col("vocabulary") == vocabulary, pl.col("form") == form, pl.col("scaled") == (scaled and form == "rows")
    )
    measured = part.filter(source="measured").sort("n_components").select("n_components", "value", "low", "high").rows()
    theory = part.filter(source="exact").sort("n_components")
    plots.show(
        figures.entropy(
            theory["n_components"].to_numpy(),
            theory["value"].to_numpy(),
            measured,
            threshold=None if scaled and form == "rows" else float(entropy.dimension_for(vocabulary, form=form)),
        ),
        key="dimension_entropy_stored",
        alt="Stored entropies of random tables",
    )
    st.caption(f"Means{words.over(part['n'].max(), 'random table')}; the band is the 95 % interval.")
    retrieved = queries.measurements(version, "retrieval", run_ids=(stored["run_id"][0],)).filter(keys=vocabulary)
    if not retrieved.is_empty():
        st.subheader(f"Finding one of {vocabulary:,} keys", anchor=False)
        retrieved = retrieved.sort("n_components").filter(pl.col("n_components") <= 40)
        plots.show(
            figures.retrieval(
                retrieved["n_components"].to_numpy(), retrieved, float(entropy.retrieval_threshold(vocabulary))
            ),
            key="dimension_retrieval",
            alt="Probability on the true key",
        )
        st.caption(f"Means{words.over(retrieved['n'].max(), 'random table')} of keys; the band is the 95 % interval.")
    st.code(queries.run(version, stored["run_id"][0])["command"], language="bash", wrap_lines=True)
