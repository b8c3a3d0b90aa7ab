"""Signals and gradients in a stack of non-square matrices, rule by rule: exact lines, measured points."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard.figures.labs import initialization as figures
from dashboard.parts import plots
from engine.initialization.activation_moments import ACTIVATIONS, find_activation
from engine.initialization.rules import RULES, StackGains, check_widths, stack_gains
from engine.initialization.signal_propagation import Moments, propagate_vectors, rescale

TITLE = "Which variance keeps signals and gradients alive?"
SENTENCE = "A layer with m inputs and n outputs cannot keep both for m ≠ n: each rule is an average of m and n."
CHINESE = "非方阵的初始化"
NOTE = """A layer maps m inputs to n outputs. Entries of variance 1/m keep the size of signals, entries of variance
1/n that of gradients; for m ≠ n no variance does both, so every rule is an average of m and n. Lines are exact,
points are random stacks drawn just now (with 95 % intervals). The **geometric** mean is the only rule whose forward
gain times backward gain is 1 in every layer, so over a stack both telescope, and every layer's gradient is balanced
against its weights."""
FORMULA = (
    r"E[y^2]=m\,\sigma^2\,E[x^2],\qquad E\big[(\partial l/\partial x)^2\big]=n\,\sigma^2\,"
    r"E\big[(\partial l/\partial y)^2\big],\qquad \sigma^2_{\text{geometric}}=\frac{1}{\sqrt{mn}}"
)
SOURCE = (
    "[kexue.fm/archives/8725](https://kexue.fm/archives/8725); "
    "[Defazio and Bottou, 2019](https://arxiv.org/abs/1906.04267)"
)
DRAWS = 800_000  # random numbers per redraw: keeps a control below a tenth of a second
DEFAULT = "768 3072 768 3072 768 3072 768 3072 768"
GAINS = ("forward", "backward", "product", "gradient spread")
COMMAND = "python -m jobs.initialization measure --widths 768 3072 768 3072 768 --seeds 100"


@st.cache_data(show_spinner=False, max_entries=256)
def exact(widths: tuple[int, ...], rule: str, activation: str, gain: str) -> StackGains:
    """Exact gains of one rule."""
    return stack_gains(widths, rule=rule, activation=activation, gain=1.0 if gain == "none" else gain)


@st.cache_data(show_spinner=False, max_entries=64)
def measured(
    widths: tuple[int, ...], rules: tuple[str, ...], activation: str, gain: str, seed: int
) -> dict[str, Moments]:
    """Random stacks of every rule; positively homogeneous activations need one draw for all of them."""
    homogeneous = find_activation(activation).homogeneous
    stacks = int(np.clip(DRAWS / (2 * sum(widths) * (1 if homogeneous else len(rules))), 4, 200))
    factor = 1.0 if gain == "none" else gain
    options = {"activation": activation, "gain": factor, "stacks": stacks}
    if not homogeneous:
        return {r: propagate_vectors(widths, rule=r, rng=np.random.default_rng(seed), **options) for r in rules}
    base = propagate_vectors(widths, rule=rules[0], rng=np.random.default_rng(seed), **options)
    reference = exact(widths, rules[0], activation, gain).variances
    return {rule: rescale(base, exact(widths, rule, activation, gain).variances / reference) for rule in rules}


def least(names: Sequence[str], values: Sequence[float]) -> tuple[str, bool]:
    """Names whose value is the smallest to rounding, in bold, and whether they are several: rules often tie."""
    found = [f"**{name}**" for name, value in zip(names, values, strict=True) if value - min(values) < 1e-9]
    return " and ".join(part for part in (", ".join(found[:-1]), found[-1]) if part), len(found) > 1


def show() -> None:
    """The chapter below its title."""
    left, middle, right = st.columns([3, 1, 1])
    text = left.text_input(
        "Widths", DEFAULT, key="initialization_widths", bind="query-params", help="inputs first, separated by spaces"
    )
    activation = middle.selectbox("Activation", list(ACTIVATIONS), key="initialization_activation", bind="query-params")
    gain = right.selectbox(
        "Gain",
        ["none", "forward", "backward"],
        index=1,
        key="initialization_gain",
        bind="query-params",
        help="factor on every standard deviation that makes up for the activation's forward or backward moment",
    )
    rules = st.pills(
        "Rules",
        list(RULES),
        default=["fan_in", "fan_out", "arithmetic", "geometric", "quadratic"],
        selection_mode="multi",
        key="initialization_rules",
        bind="query-params",
    )
    try:
        widths = tuple(check_widths([float(word) for word in text.replace(",", " ").replace("-", " ").split()]))
    except ValueError as error:
        st.error(f"Widths: {error}", icon=":material/error:")
        st.stop()
    if not rules or sum(widths) > 200_000:
        st.warning("Choose at least one rule, and widths that add up to at most 200,000.", icon=":material/info:")
        st.stop()
    lines = [exact(widths, rule, activation, gain) for rule in rules]
    points = measured(widths, tuple(rules), activation, gain, 0)
    changes = [abs(np.log(gains.total_forward)) + abs(np.log(gains.total_backward)) for gains in lines]
    spreads = [float(gains.gradient_spread) for gains in lines]
    best, worst = lines[int(np.argmin(changes))], lines[int(np.argmax(changes))]
    (names, several), (even, _) = least(rules, changes), least(rules, np.log(spreads))
    verdict = f"Over {len(widths) - 1} layers {names} keep{'' if several else 's'} the sizes "
    if max(changes) - min(changes) > 1e-9:
        verdict += (
            f"best (forward × {best.total_forward:.4g}, backward × {best.total_backward:.4g}), **{worst.rule}** worst "
            f"(× {worst.total_forward:.4g}, × {worst.total_backward:.4g})"
        )
    else:
        verdict += f"alike (forward × {best.total_forward:.4g}, backward × {best.total_backward:.4g})"
    st.markdown(
        f"{verdict}; gradients per variance are most even under {even} (largest "
        f"over smallest {min(spreads):.4g}). Points: means of {len(next(iter(points.values())).forward)} random stacks "
        "with 95 % intervals."
    )
    for row in (("forward", "backward"), ("product", "gradient")):
        for column, quantity in zip(st.columns(2), row, strict=True):
            figure = figures.gains_by_layer(lines, points, quantity)
            plots.show(
                figure,
                key=f"initialization_{quantity}",
                alt=f"{figures.QUANTITIES[quantity]} by layer and rule",
                place=column,
            )
    phi = find_activation(activation)
    with st.expander("Numbers", icon=":material/table:"):
        st.dataframe(
            {
                "rule": [gains.rule for gains in lines],
                "forward": [gains.total_forward for gains in lines],
                "backward": [gains.total_backward for gains in lines],
                "product": [gains.total_product for gains in lines],
                "gradient spread": spreads,
            },
            key="initialization_table",
            column_config={name: st.column_config.NumberColumn(format="%.4g") for name in GAINS},
            alt="Gains of the whole stack by rule",
        )
        st.caption(
            f"{phi.name}: E[φ(z)²] = {phi.second_moment():.8g} and E[φ'(z)²] = "
            f"{phi.derivative_second_moment():.8g} for "
            "z ~ N(0, 1): one gain keeps both passes only where they agree."
        )
        st.code(COMMAND, language="bash", wrap_lines=True)
