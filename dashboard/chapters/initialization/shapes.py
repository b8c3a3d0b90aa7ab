"""One layer of any shape: gains against n/m, the averages and their order, singular values and their law."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import initialization as figures
from dashboard.parts import plots
from engine.initialization.rules import RULES, effective_dimension, fan_variance, ordering
from engine.initialization.samplers import LAWS
from engine.initialization.signal_propagation import measure_spectrum
from engine.initialization.singular_values import condition_number, singular_value_edges

TITLE = "What do the rules do to the spectrum?"
SENTENCE = "A rule stretches the singular values of a random matrix; only the shape m : n decides how unequal they are."
CHINESE = "形状与奇异值"
NOTE = """The rules differ only for non-square matrices, and only in scale. All singular values of a random matrix lie
between two edges; a rule stretches that interval but cannot change its shape: the condition number depends on m/n
alone. **orthogonal** matrices have a single singular value."""
FORMULA = (
    r"\sigma\,\left|\sqrt m-\sqrt n\right|\;\le\; v\;\le\;\sigma\left(\sqrt m+\sqrt n\right),\qquad "
    r"\frac{m^2+n^2}{m+n}\ \ge\ \frac{m+n}{2}\ \ge\ \sqrt{mn}"
)
SOURCE = "[kexue.fm/archives/8725](https://kexue.fm/archives/8725); Bai and Yin, 1993; Marchenko and Pastur, 1967"
MAIN = ["fan_in", "fan_out", "arithmetic", "geometric", "quadratic", "harmonic"]
LARGEST = 192  # smaller side of the matrix drawn for the histogram: some milliseconds


@st.cache_data(show_spinner=False)
def by_ratio(quantity: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Gains of one layer with m = 1024 and n = r m, for every rule."""
    ratios = 2.0 ** np.linspace(-4, 4, 65)
    gains = {}
    for rule in RULES:
        values = []
        for ratio in ratios:
            m, n = 4096, round(4096 * ratio)
            s = fan_variance(m, n, rule=rule)
            values.append({"forward": m * s, "backward": n * s, "product": m * n * s * s}[quantity])
        gains[rule] = np.array(values)
    return ratios, gains


@st.cache_data(show_spinner=False, max_entries=64)
def singular_values(m: int, n: int, law: str) -> np.ndarray:
    """Singular values of one unit-variance matrix."""
    return measure_spectrum(np.random.default_rng(0), m, n, law=law)


def show() -> None:
    """The chapter below its title."""
    rules = st.pills(
        "Rules",
        list(RULES),
        default=MAIN,
        selection_mode="multi",
        key="initialization_shapes_rules",
        bind="query-params",
    )
    if not rules:
        st.warning("Choose at least one rule.", icon=":material/info:")
        st.stop()
    for column, quantity in zip(st.columns(3), ("forward", "backward", "product"), strict=True):
        ratios, gains = by_ratio(quantity)
        figure = figures.gains_by_ratio(rules, ratios, gains, quantity)
        plots.show(
            figure, key=f"initialization_shapes_{quantity}", alt=f"{quantity} gain against n/m by rule", place=column
        )
    st.subheader("One matrix", anchor=False)
    left, middle, right, last = st.columns(4)
    m = left.number_input("m = fan_in", 1, 100_000, 768, key="initialization_shapes_m", bind="query-params")
    n = middle.number_input("n = fan_out", 1, 100_000, 3072, key="initialization_shapes_n", bind="query-params")
    rule = right.selectbox("Rule", list(RULES), index=3, key="initialization_shapes_rule", bind="query-params")
    law = last.selectbox("Entries", list(LAWS), key="initialization_shapes_law", bind="query-params")
    variance = fan_variance(m, n, rule=rule)
    averages = ordering(m, n)
    low, high = singular_value_edges(m, n, variance=variance)
    st.markdown(
        f"**{rule}** gives variance {variance:.6g} (standard deviation {variance**0.5:.4g}): forward gain "
        f"{m * variance:.4g}, backward {n * variance:.4g}. Effective dimensions: quadratic "
        f"{averages['quadratic']:,.5g} ≥ "
        f"arithmetic {averages['arithmetic']:,.5g} ≥ geometric {averages['geometric']:,.5g}. Singular values of "
        f"independent entries fill [{low:.4g}, {high:.4g}], condition number "
        f"{condition_number(m, n):.4g} under every rule."
    )
    left, right = st.columns(2)
    dimensions = {name: effective_dimension(m, n, rule=name) for name in rules}
    plots.show(
        figures.effective_dimensions(dimensions, m, n),
        key="initialization_shapes_dimensions",
        alt="Effective dimension of every rule",
        place=left,
    )
    shrink = max(1.0, min(m, n) / LARGEST, max(m, n) / (8 * LARGEST))
    small_m, small_n = max(1, round(m / shrink)), max(1, round(n / shrink))
    values = singular_values(small_m, small_n, law) * (variance * shrink) ** 0.5
    plots.show(
        figures.spectrum(values, fan_in=small_m, fan_out=small_n, variance=variance * shrink, name=f"{law} entries"),
        key="initialization_shapes_spectrum",
        alt="Histogram of singular values with the Marchenko-Pastur density",
        place=right,
    )
    if law == "orthogonal":
        right.caption(
            f"An orthogonal matrix has one singular value, {values.mean():.4g}: the law is that of independent entries."
        )
    if shrink > 1:
        right.caption(f"Drawn at {small_m} × {small_n} with the same m/n and the same edges, to answer at once.")
