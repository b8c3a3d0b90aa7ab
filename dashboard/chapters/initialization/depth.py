"""What depth adds: the log-normal drift of narrow stacks, and residual branches."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import initialization as figures
from dashboard.parts import plots
from engine.evidence.intervals import mean_half_width
from engine.initialization.rules import log_drift, residual_factors, stack_drift
from engine.initialization.signal_propagation import propagate_vectors

TITLE = "What does depth do to a typical stack?"
SENTENCE = "A gain of 1 on average hides that the typical stack shrinks, like a random walk with a downward drift."
CHINESE = "深度的影响"
NOTE = """A gain of 1 on average hides that the *typical* stack shrinks. The logarithm of a signal's size is a sum
over layers, each with mean about −1/n and variance 2/n (for ReLU −5/(2n) and 5/n), so it drifts downwards like a
random walk and the mean is carried by a few large draws. Residual connections change the law: Post-Norm forgets its
early blocks, Pre-Norm gives all of them the same share."""
FORMULA = (
    r"\ln\frac{|y|^2}{E|y|^2}\ \approx\ \mathcal N\Big(\sum_l\psi(\tfrac{n_l}2)-\ln\tfrac{n_l}2,\ "
    r"\sum_l\psi_1(\tfrac{n_l}2)\Big)"
)
SOURCE = (
    "[kexue.fm/archives/8620](https://kexue.fm/archives/8620), [kexue.fm/archives/8725](https://kexue.fm/archives/8725)"
)
DRAWS = 600_000


@st.cache_data(show_spinner=False, max_entries=64)
def drift_logs(width: int, depth: int, activation: str) -> np.ndarray:
    """ln(|y|² / E|y|²) of random stacks, (stacks, depth + 1); NaN from the layer on in which every ReLU was 0."""
    stacks = int(np.clip(DRAWS / (2 * width * depth), 40, 2000))
    moments = propagate_vectors(
        [width] * (depth + 1),
        rule="fan_in",
        rng=np.random.default_rng(0),
        activation=activation,
        gain="forward",
        stacks=stacks,
    )
    return np.log(np.where(moments.forward > 0, moments.forward, np.nan))


def spoken(last: np.ndarray, mean: float, variance: float) -> str:
    """What was measured at the last layer, beside the law; last (n,) holds the stacks that still carry a signal."""
    if len(last) < 3:
        return "Too few stacks are left to measure."
    deviation = last.std(ddof=1)
    half = 1.96 * deviation / (2 * len(last)) ** 0.5
    return (
        f"Measured over {len(last)} stacks: mean logarithm {last.mean():.3f} ± {mean_half_width(last):.3f} (95 %; "
        f"exact {mean:.3f}), standard deviation {deviation:.3f} ± {half:.3f} (exact {variance**0.5:.3f})."
    )


def show() -> None:
    """The chapter below its title."""
    left, middle, right = st.columns(3)
    width = left.slider("Width", 4, 1024, 64, key="initialization_depth_width", bind="query-params")
    depth = middle.slider("Layers", 2, 100, 40, key="initialization_depth_layers", bind="query-params")
    activation = right.segmented_control(
        "Activation", ["linear", "relu"], default="relu", key="initialization_depth_activation", bind="query-params"
    )
    activation = activation or "relu"
    logs = drift_logs(width, depth, activation)
    mean, variance = stack_drift([width] * (depth + 1), activation=activation)
    one_mean, one_variance = log_drift(width, activation=activation)
    last = logs[np.isfinite(logs[:, -1]), -1]
    st.markdown(
        f"After {depth} layers of width {width} the typical size is **{np.exp(mean):.3g}** of the mean, and stacks "
        f"differ by a factor of {np.exp(np.sqrt(variance)):.3g} up or down (one standard deviation). "
        + spoken(last, mean, variance)
    )
    if len(last) < len(logs):
        st.warning(
            f"{len(logs) - len(last)} of {len(logs)} stacks died: in some layer every ReLU was 0, which happens with "
            f"probability 2^−{width} in each. They are left out: mean and deviation are exact for those that live.",
            icon=":material/info:",
        )
    layers = np.arange(depth + 1)
    left, right = st.columns(2)
    plots.show(
        figures.drift_paths(logs, layers * one_mean, np.sqrt(layers * one_variance)),
        key="initialization_depth_paths",
        alt="Logarithm of signal size by layer for single stacks",
        place=left,
    )
    plots.show(
        figures.drift_histogram(last, mean, variance),
        key="initialization_depth_histogram",
        alt="Distribution of the final log size with its law",
        place=right,
    )
    st.subheader("Residual branches at initialization", anchor=False)
    blocks = st.slider("Blocks", 2, 48, 12, key="initialization_depth_blocks", bind="query-params")
    post, pre = residual_factors(blocks, placement="post"), residual_factors(blocks, placement="pre")
    plain = residual_factors(blocks, placement="plain")
    st.markdown(
        f"With {blocks} blocks the input's share in the last output is {post.shares[0]:.3g} under Post-Norm and "
        f"{pre.shares[0]:.3g} under Pre-Norm; without any norm the second moment grows to "
        f"{plain.moments[-1]:.4g}, with "
        f"Pre-Norm to {pre.moments[-1]:.4g}."
    )
    plots.show(
        figures.residual_shares({"Post-Norm": post.shares, "Pre-Norm": pre.shares}),
        key="initialization_depth_shares",
        alt="Share of each block in the last output",
    )
