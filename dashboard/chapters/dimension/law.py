"""How many dimensions do N words need? The entropy rule, its exact constant, and where random tables freeze."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import dimension as figures
from dashboard.frames.numbers import as_number
from dashboard.parts import headings, plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.dimension import entropy
from engine.dimension.entropy import Form
from engine.evidence.intervals import mean_interval

CODE = """
import numpy as np

N, n = 1000, 48
u, v = (x / np.linalg.norm(x, axis=1, keepdims=True) * n**0.5 for x in np.random.default_rng(0).normal(size=(2, N, n)))
logits = u @ v.T
p = np.exp(logits - logits.max()); p /= p.sum()
print(-(p * np.log(p + 1e-300)).sum(), 2 * np.log(N) - 0.2406 * n - 0.074)     # measured, approximation
"""
DRAWS = 4
FORMS: tuple[Form, ...] = get_args(Form)
RHOS, WORDS = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0), (32, 64, 128, 256)
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
def drawn(size: int, form: Form) -> list[tuple[float, float, float, float]]:
    """Entropy of random tables for several n: n, mean, and its 95 % interval (an entropy is not negative)."""
    points: list[tuple[float, float, float, float]] = []
    for n in (4, 8, 16, 24, 32, 40, 48, 64, 96):
        values = [
            entropy.random_table_entropy(size, n, rng=np.random.default_rng([n, seed]), form=form)
            for seed in range(DRAWS)
        ]
        mean, low, high, _ = mean_interval(values)
        points.append((n, mean, max(low, 0.0), high))
    return points


def settings() -> tuple[int, Form]:
    """Words of the random tables, and which law they follow."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n_words = st.select_slider("Words N", WORDS, 128, key="dimension_words", bind="query-params", width=260)
        form = st.segmented_control(
            "Law", FORMS, default="pairs", key="dimension_form", bind="query-params", required=True
        )
    return n_words, form


def at_the_rule(points: Sequence[tuple[float, float, float, float]], threshold: float) -> str:
    """What random tables keep at the drawn dimension next to the rule."""
    n, mean, low, high = min(points, key=lambda point: abs(point[0] - threshold))
    kept = f"{mean:.2f} nats (95 % {low:.2f} to {high:.2f})"
    if low > 0:
        return f"At n = {n:g}, next to the rule, random tables keep {kept}, not 0"
    return f"At n = {n:g}, next to the rule, random tables keep {kept}: not told from 0"


def picture() -> Reading:
    """Where the entropy of random tables freezes."""
    n_words, form = settings()
    dims, terms = np.linspace(2, 100, 120), 2 if form == "pairs" else 1
    points, threshold = drawn(n_words, form), float(entropy.dimension_for(n_words, form=form))
    plots.show(
        figures.entropy(
            dims, terms * np.log(n_words) + entropy.condensation_entropy(dims), points, threshold=threshold
        ),
        key="dimension_entropy",
        title=at_the_rule(points, threshold),
        alt="Measured entropy of random tables",
    )
    small = next(point for point in points if point[0] == 8)
    large = points[-1]
    law = terms * np.log(n_words) + float(entropy.condensation_entropy(8))
    return Reading(
        see=f"for {{words}} words the straight line reaches zero at n = {threshold:.1f}; the drawn tables leave it "
        f"there and level off: at n = {large[0]} they still have **{large[1]:.2f}** nats.",
        theory=f"H ≈ {terms} ln N + hₙ with hₙ ≈ −(ln φ)/2 · n, φ the golden ratio, so H = 0 at n = "
        f"{entropy.coefficient(form=form):.3f} ln N. The post rounds 0.2406 to 0.24 and gets 8.33 ln N for pairs.",
        measured=f"{DRAWS} random tables a point: at 8 dimensions {small[1]:.3f} nats (95 % {small[2]:.3f} to "
        f"{small[3]:.3f}), "
        f"by the law {law:.3f}; at {large[0]} dimensions {large[1]:.2f} ({large[2]:.2f} to {large[3]:.2f}).",
        apart="a negative entropy does not exist. What happens at the rule is freezing: a random table puts its "
        "mass on "
        "a handful of pairs, and the approximation ends. It says nothing about trained vectors, whose norms differ.",
        drag={"words": Number("dimension_words", WORDS, "words N")},
    )


def show_calculator() -> None:
    """The rule for your N, and what it depends on."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.number_input(
            "Words or keys N", 2, 10**12, 100_000, key="dimension_size", bind="query-params", width=180
        )
        rho = st.select_slider("Norm: |u||v| / n", RHOS, 1.0, key="dimension_rho", bind="query-params", width=320)
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
        figures.thresholds(*thresholds(rho), chosen=size),
        key="dimension_thresholds",
        title="Every rule grows like ln N",
        alt="Dimensions against N",
    )
    show_examples()


def show_examples() -> None:
    """The post's examples."""
    names = {
        "case": "Case",
        "vocabulary": "N",
        "used": "used",
        "rule": "8.33 ln N",
        "pairs": "pairs, exact",
        "rows": "rows",
    }
    rows = [{name: getattr(example, key) for key, name in names.items()} for example in entropy.post_examples()]
    number = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(
        pl.DataFrame(rows),
        key="dimension_examples",
        hide_index=True,
        column_config={"8.33 ln N": number, "pairs, exact": number, "rows": number},
        alt="The post's examples",
        placeholder="",
    )


def show_shift() -> None:
    """hₙ: exact, asymptotic, rounded."""
    n = np.unique(np.geomspace(2, 4096, 80).astype(int)).astype(float)
    plots.show(
        figures.shift(n, entropy.condensation_entropy(n), -0.24 * n, entropy.condensation_entropy_asymptote(n)),
        key="dimension_shift",
        title="Each dimension lowers the entropy by about 0.24 nats",
        alt="Entropy shift per dimension",
    )


def show_stored() -> None:
    """Stored sweeps of more and larger tables."""
    version = queries.store_version()
    stored = queries.measurements(version, "entropy", experiment="dimension")
    if stored.is_empty():
        headings.empty(COMMAND)
        return
    stored = stored.filter(pl.col("run_id") == stored["run_id"].max())
    form = st.session_state.get("dimension_form", "pairs")
    vocabulary, scaled = pick_stored(stored, form)
    same = (pl.col("vocabulary") == vocabulary, pl.col("form") == form, pl.col("scaled") == scaled)
    part = stored.filter(*same)
    measured = part.filter(source="measured").sort("n_components").select("n_components", "value", "low", "high").rows()
    theory = part.filter(source="exact").sort("n_components")
    plots.show(
        figures.entropy(
            theory["n_components"].to_numpy(),
            theory["value"].to_numpy(),
            measured,
            threshold=None if scaled else float(entropy.dimension_for(vocabulary, form=form)),
        ),
        key="dimension_entropy_stored",
        title=f"Does the entropy of {vocabulary:,} words reach zero?",
        alt="Stored entropies of random tables",
    )
    st.caption(f"{words.means(part['n'].max(), 'random table')}.")
    show_retrieval(stored["run_id"][0], vocabulary)
    st.code(queries.run(version, stored["run_id"][0])["command"], language="bash", wrap_lines=True)


def pick_stored(stored: pl.DataFrame, form: Form) -> tuple[int, bool]:
    """Size of the stored tables, and whether their logits are divided by √n."""
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
    return int(kept or as_number(stored["vocabulary"].max())), bool(scaled) and form == "rows"


def show_retrieval(run_id: str, vocabulary: int) -> None:
    """Finding one of N keys."""
    retrieved = queries.measurements(queries.store_version(), "retrieval", run_ids=(run_id,)).filter(keys=vocabulary)
    if retrieved.is_empty():
        return
    retrieved = retrieved.sort("n_components").filter(pl.col("n_components") <= 40)
    plots.show(
        figures.retrieval(
            retrieved["n_components"].to_numpy(), retrieved, float(entropy.retrieval_threshold(vocabulary))
        ),
        key="dimension_retrieval",
        title=f"How many dimensions does finding one of {vocabulary:,} keys need?",
        alt="Probability on the true key",
    )
    st.caption(f"{words.means(retrieved['n'].max(), 'random table')}.")


CHAPTER = Chapter(
    question="How many dimensions do N words need?",
    chinese="最小熵原理：词向量的维度 · n > 8.33 ln N",
    lead="The entropy of a table of random vectors falls with the dimension and would reach zero near n = 8.3 ln N: "
    "what happens there?",
    guess=Guess(
        question="beyond the rule the formula gives a negative entropy. What does the entropy of a real table do?",
        answers=("it becomes negative", "it reaches 0", "it levels off above 0"),
        right="it levels off above 0",
        because="Its mass freezes on a handful of pairs, and a handful still has some nats.",
    ),
    picture=picture,
    beside=True,
    good_for="an order of magnitude for random vectors of norm √n. Trained vectors improve smoothly through it: choose "
    "by held-out loss (*Skip-gram*).",
    formula=r"2\ln N+h_n=0,\quad h_n\approx-\frac n2\ln\varphi-0.0739,\quad n=\frac4{\ln\varphi}\ln N=8.3123\,\ln N",
    code=CODE,
    reference="Su Jianlin, [[7695]](https://kexue.fm/archives/7695) and [[8711]](https://kexue.fm/archives/8711); "
    "exact "
    "hₙ by Bessel functions.",
    more={
        "Calculator: your N, your norm": show_calculator,
        "hₙ: exact, asymptotic, rounded": show_shift,
        "Stored: larger tables, and finding one key": show_stored,
    },
    inside={
        "dimension_size": "Calculator: your N, your norm",
        "dimension_rho": "Calculator: your N, your norm",
        "dimension_stored": "Stored: larger tables, and finding one key",
        "dimension_scaled": "Stored: larger tables, and finding one key",
    },
)
