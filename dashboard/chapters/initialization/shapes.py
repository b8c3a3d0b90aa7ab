"""One layer of any shape: gains against n/m, the averages and their order, singular values and their law."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import initialization as figures
from dashboard.parts import plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.initialization.rules import RULES, effective_dimension, fan_variance, ordering
from engine.initialization.samplers import LAWS
from engine.initialization.signal_propagation import measure_spectrum
from engine.initialization.singular_values import condition_number, singular_value_edges

CODE = """
import numpy as np

m, n, s = 768, 3072, (768 * 3072) ** -0.25
v = np.linalg.svd(np.random.default_rng(0).normal(0, s, (m, n)), compute_uv=False)
print(v.min(), s * abs(m**0.5 - n**0.5), v.max(), s * (m**0.5 + n**0.5))
"""
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


TITLES = {
    "forward": "Which rule keeps the signal?",
    "backward": "Which rule keeps the gradient?",
    "product": "Which rule keeps their product?",
}


def show_ratios() -> bool:
    """Gains of one layer against n/m; whether any rule is chosen."""
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
        return False
    for column, quantity in zip(st.columns(3), ("forward", "backward", "product"), strict=True):
        ratios, gains = by_ratio(quantity)
        figure = figures.gains_by_ratio(rules, ratios, gains, quantity)
        plots.show(
            figure,
            key=f"initialization_shapes_{quantity}",
            title=TITLES[quantity],
            alt=f"{quantity} gain against n/m by rule",
            place=column,
        )
    return True


def matrix() -> tuple[int, int, str, str]:
    """Shape, rule and law of the entries."""
    left, middle, right, last = st.columns(4)
    m = left.number_input("m = fan_in", 1, 100_000, 768, key="initialization_shapes_m", bind="query-params")
    n = middle.number_input("n = fan_out", 1, 100_000, 3072, key="initialization_shapes_n", bind="query-params")
    rule = right.selectbox("Rule", list(RULES), index=3, key="initialization_shapes_rule", bind="query-params")
    law = last.selectbox("Entries", list(LAWS), key="initialization_shapes_law", bind="query-params")
    return int(m), int(n), rule, law


def show_matrix(m: int, n: int, rule: str, law: str) -> tuple[np.ndarray, int, int]:
    """Effective dimensions and the spectrum; returns the singular values and the shape that was drawn."""
    variance = fan_variance(m, n, rule=rule)
    left, right = st.columns(2)
    dimensions = {name: effective_dimension(m, n, rule=name) for name in st.session_state.initialization_shapes_rules}
    plots.show(
        figures.effective_dimensions(dimensions, m, n),
        key="initialization_shapes_dimensions",
        title=f"Which mean of {m:,} and {n:,} is each rule?",
        alt="Effective dimension of every rule",
        place=left,
    )
    shrink = max(1.0, min(m, n) / LARGEST, max(m, n) / (8 * LARGEST))
    small_m, small_n = max(1, round(m / shrink)), max(1, round(n / shrink))
    values = singular_values(small_m, small_n, law) * (variance * shrink) ** 0.5
    plots.show(
        figures.spectrum(values, fan_in=small_m, fan_out=small_n, variance=variance * shrink, name=f"{law} entries"),
        key="initialization_shapes_spectrum",
        title=f"Do the {len(values)} singular values follow Marchenko and Pastur's law?",
        alt="Histogram of singular values with the Marchenko-Pastur density",
        place=right,
    )
    return values, small_m, small_n


def picture() -> Reading | None:
    """Gains against the shape, and one matrix."""
    if not show_ratios():
        return None
    m, n, rule, law = matrix()
    values, small_m, small_n = show_matrix(m, n, rule, law)
    variance, averages = fan_variance(m, n, rule=rule), ordering(m, n)
    low, high = singular_value_edges(m, n, variance=variance)
    drawn = "" if (small_m, small_n) == (m, n) else f", drawn at {small_m} × {small_n} with the same m/n"
    inside = float(((values >= 0.98 * low) & (values <= 1.02 * high)).mean())
    apart = (
        f"an orthogonal matrix has one singular value, {values.mean():.4g}: the law is that of independent entries."
        if law == "orthogonal"
        else "a finite matrix leaks a little beyond the edges; the share above allows 2 % on each side."
    )
    ratio = condition_number(m, n)
    spread = f"their ratio {ratio:.4g} depends" if np.isfinite(ratio) else "their ratio, here without bound, depends"
    return Reading(
        see=f"**{rule}** gives variance {variance:.4g} for {m} × {n}: forward gain {m * variance:.4g}, backward "
        f"{n * variance:.4g}. At n/m = 1 all rules agree.",
        theory=f"(m²+n²)/(m+n) = {averages['quadratic']:,.5g} ≥ (m+n)/2 = {averages['arithmetic']:,.5g} ≥ √(mn) = "
        f"{averages['geometric']:,.5g}. Singular values of independent entries fill [{low:.4g}, {high:.4g}]; "
        f"{spread} on m/n alone, not on the rule.",
        measured=f"{len(values)} singular values of one matrix{drawn}: from {values.min():.4g} to {values.max():.4g}, "
        f"{inside:.0%} of them between the edges. One spectrum is "
        "no sample, so there is no interval.".replace("%", " %").replace("  %", " %"),
        apart=apart,
    )


CHAPTER = Chapter(
    question="What do the rules do to the spectrum?",
    chinese="形状与奇异值 · shapes and singular values",
    lead="A rule scales all singular values of a random matrix alike: only its shape m : n decides how unequal they "
    "are.",
    guess=Guess(
        question="which rule makes a 768 × 3072 matrix best conditioned?",
        answers=("geometric", "quadratic", "none of them"),
        right="none of them",
        because="A rule multiplies all singular values by one factor, and their ratio stays.",
    ),
    picture=picture,
    good_for="seeing what a rule can change (the scale) and what it cannot (the condition). For equal singular values "
    "take orthogonal entries.",
    formula=r"\sigma\left|\sqrt m-\sqrt n\right|\le v\le\sigma\left(\sqrt m+\sqrt n\right),\qquad "
    r"\frac{m^2+n^2}{m+n}\ge\frac{m+n}2\ge\sqrt{mn}",
    code=CODE,
    reference="Su Jianlin, [[8725]](https://kexue.fm/archives/8725) and "
    "[[7180]](https://kexue.fm/archives/7180); Bai and Yin, 1993; Marchenko and Pastur, 1967.",
)
