"""Signals and gradients in a stack of non-square matrices, rule by rule: exact lines, measured points."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.figures.labs import initialization as figures
from dashboard.parts import plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.evidence.intervals import mean_half_width
from engine.initialization.activation_moments import ACTIVATIONS, find_activation
from engine.initialization.rules import RULES, StackGains, check_widths, stack_gains
from engine.initialization.signal_propagation import Moments, propagate_vectors, rescale

DRAWS = 800_000  # random numbers per redraw: keeps a control below a tenth of a second
DEFAULT = "768 3072 768 3072 768 3072 768 3072 768"
CODE = """
import torch

weight = torch.empty(3072, 768)                       # (n, m): torch stores outputs first
n, m = weight.shape
torch.nn.init.normal_(weight, std=(m * n) ** -0.25)   # geometric: variance 1 / sqrt(mn)
"""
GAINS = ("forward", "backward", "product", "gradient spread")
Choice = Literal["none", "forward", "backward"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
COMMAND = "python -m jobs.initialization measure --widths 768 3072 768 3072 768 --seeds 100"


@st.cache_data(show_spinner=False, max_entries=256)
def exact(widths: tuple[int, ...], rule: str, activation: str, gain: Choice) -> StackGains:
    """Exact gains of one rule."""
    return stack_gains(widths, rule=rule, activation=activation, gain=1.0 if gain == "none" else gain)


@st.cache_data(show_spinner=False, max_entries=64)
def measured(
    widths: tuple[int, ...], rules: tuple[str, ...], activation: str, gain: Choice, seed: int
) -> dict[str, Moments]:
    """Random stacks of every rule; positively homogeneous activations need one draw for all of them."""
    homogeneous = find_activation(activation).homogeneous
    stacks = int(np.clip(DRAWS / (2 * sum(widths) * (1 if homogeneous else len(rules))), 4, 200))
    draw = partial(
        propagate_vectors, widths, activation=activation, gain=1.0 if gain == "none" else gain, stacks=stacks
    )
    if not homogeneous:
        return {rule: draw(rule=rule, rng=np.random.default_rng(seed)) for rule in rules}
    base = draw(rule=rules[0], rng=np.random.default_rng(seed))
    reference = exact(widths, rules[0], activation, gain).variances
    return {rule: rescale(base, exact(widths, rule, activation, gain).variances / reference) for rule in rules}


def least(names: Sequence[str], values: Sequence[float] | np.ndarray) -> tuple[str, bool]:
    """Names whose value is the smallest to rounding, in bold, and whether they are several: rules often tie."""
    found = [f"**{name}**" for name, value in zip(names, values, strict=True) if value - min(values) < 1e-9]
    return " and ".join(part for part in (", ".join(found[:-1]), found[-1]) if part), len(found) > 1


TITLES = {
    "forward": "Does the signal keep its size? 1 is as large as the input",
    "backward": "Does the gradient keep its size? 1 is as large as at the output",
    "product": "Does a layer keep both? Gain forward × backward",
    "gradient": "Do all layers learn equally fast? Gradient / variance",
}


def settings(below: DeltaGenerator) -> tuple[tuple[int, ...], list[str], str, Choice] | None:
    """Widths, activation, gain and, below the figures, rules; None after a sentence that says what is wrong."""
    left, middle, right = st.columns([3, 1, 1])
    text = left.text_input(
        "Widths", DEFAULT, key="initialization_widths", bind="query-params", help="inputs first, separated by spaces"
    )
    activation = middle.selectbox("Activation", list(ACTIVATIONS), key="initialization_activation", bind="query-params")
    gain = right.selectbox(
        "Gain",
        CHOICES,
        index=1,
        key="initialization_gain",
        bind="query-params",
        help="factor on every standard deviation that makes up for the activation's forward or backward moment",
    )
    rules = below.pills(
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
        return None
    if not rules or sum(widths) > 200_000:
        st.warning("Choose at least one rule, and widths that add up to at most 200,000.", icon=":material/info:")
        return None
    return widths, rules, activation, gain


def verdict(lines: Sequence[StackGains], rules: Sequence[str]) -> str:
    """Which rule keeps both sizes best over the whole stack, which one worst, and where gradients are most even."""
    changes = [abs(np.log(gains.total_forward)) + abs(np.log(gains.total_backward)) for gains in lines]
    spreads = [float(gains.gradient_spread) for gains in lines]
    best, worst = lines[int(np.argmin(changes))], lines[int(np.argmax(changes))]
    (names, several), (even, _) = least(rules, changes), least(rules, np.log(spreads))
    text = f"over the whole stack {names} keep{'' if several else 's'} the sizes "
    if max(changes) - min(changes) > 1e-9:
        text += (
            f"best (forward × {best.total_forward:.4g}, backward × {best.total_backward:.4g}), **{worst.rule}** worst "
            f"(× {worst.total_forward:.4g}, × {worst.total_backward:.4g})"
        )
    else:
        text += f"alike (forward × {best.total_forward:.4g}, backward × {best.total_backward:.4g})"
    return f"{text}. Gradients per variance are most even under {even} (largest over smallest {min(spreads):.4g})."


def agreement(lines: Sequence[StackGains], points: dict[str, Moments]) -> str:
    """The end of the stack under the first rule: measured with its interval, and exact."""
    gains = lines[0]
    ends = points[gains.rule].forward[:, -1]
    return (
        f"{len(ends)} random stacks: the signal at the end under {gains.rule} is {ends.mean():.4g} ± "
        f"{mean_half_width(ends):.2g} (95 %), exactly {gains.total_forward:.4g}."
    )


def picture() -> Reading | None:
    """Four quantities layer by layer."""
    above, shown, below = st.container(), st.container(), st.container()
    with above:
        chosen = settings(below)
    if chosen is None:
        return None
    widths, rules, activation, gain = chosen
    lines = [exact(widths, rule, activation, gain) for rule in rules]
    points = measured(widths, tuple(rules), activation, gain, 0)
    for row in (("forward", "backward"), ("product", "gradient")):
        for column, quantity in zip(shown.columns(2), row, strict=True):
            plots.show(
                figures.gains_by_layer(lines, points, quantity),
                key=f"initialization_{quantity}",
                title=TITLES[quantity],
                alt=f"{figures.QUANTITIES[quantity]} by layer and rule",
                place=column,
            )
    phi = find_activation(activation)
    return Reading(
        see=verdict(lines, rules),
        theory="a layer multiplies signals by mσ² and gradients by nσ². Under the geometric mean the two gains of "
        "every layer multiply to 1, so over a stack that ends as wide as it began both are kept. "
        f"For {phi.name} E[φ(z)²] = {phi.second_moment():.4g} and E[φ'(z)²] = {phi.derivative_second_moment():.4g}: "
        "one gain serves both passes only where these agree.",
        measured=agreement(lines, points),
        apart="a single stack is not its mean: deep narrow ones scatter by orders of magnitude (*Depth*). With norms "
        "and residuals the choice matters less (*Training*).",
    )


def show_numbers() -> None:
    """Gains of the whole stack, a row a rule."""
    chosen = [st.session_state[f"initialization_{name}"] for name in ("widths", "rules", "activation", "gain")]
    text, rules, activation, gain = chosen
    widths = tuple(check_widths([float(word) for word in text.replace(",", " ").replace("-", " ").split()]))
    lines = [exact(widths, rule, activation, gain) for rule in rules]
    rows = {
        "rule": [gains.rule for gains in lines],
        "forward": [gains.total_forward for gains in lines],
        "backward": [gains.total_backward for gains in lines],
        "product": [gains.total_product for gains in lines],
        "gradient spread": [float(gains.gradient_spread) for gains in lines],
    }
    st.dataframe(
        rows,
        key="initialization_table",
        column_config={name: st.column_config.NumberColumn(format="%.4g") for name in GAINS},
        alt="Gains of the whole stack by rule",
    )
    st.code(COMMAND, language="bash", wrap_lines=True)


CHAPTER = Chapter(
    question="Which variance keeps signals and gradients alive?",
    chinese="非方阵的初始化 · initialization of non-square matrices",
    lead="Variance 1/m keeps the size of signals and 1/n that of gradients; for m ≠ n no variance keeps both, and "
    "every rule is a compromise.",
    guess=Guess(
        question="widths go 768, 3072, 768, 3072, 768. Which rule brings signal *and* gradient back to their size?",
        answers=("arithmetic (Xavier)", "geometric", "quadratic"),
        right="geometric",
        because="Going up multiplies the signal by 1/2, going down by 2. Fan-in and fan-out also come back here, "
        "because the first and last width agree; the arithmetic mean keeps 0.64 of it over each pair of layers.",
    ),
    picture=picture,
    good_for="choosing a start for a plain deep stack: type its widths, take the rule whose lines stay near 1.",
    formula=r"E[y^2]=m\sigma^2E[x^2],\quad E\big[(\tfrac{\partial l}{\partial x})^2\big]=n\sigma^2"
    r"E\big[(\tfrac{\partial l}{\partial y})^2\big],\quad \sigma^2_{\text{geometric}}=\tfrac1{\sqrt{mn}}",
    code=CODE,
    reference="Su Jianlin, [[8725]](https://kexue.fm/archives/8725); "
    "[Defazio and Bottou, 2019](https://arxiv.org/abs/1906.04267).",
    more={"The whole stack in numbers": show_numbers},
)
