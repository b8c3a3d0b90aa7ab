"""What depth adds: the log-normal drift of narrow stacks, and residual branches."""

from typing import get_args

import numpy as np
import streamlit as st

from dashboard.figures.labs import initialization as figures
from dashboard.parts import plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.evidence.intervals import mean_half_width
from engine.initialization.rules import DriftActivation, log_drift, residual_factors, stack_drift
from engine.initialization.signal_propagation import propagate_vectors

CODE = """
import numpy as np

rng, n, depth = np.random.default_rng(0), 64, 40
x = np.ones((200, n))                                               # 200 stacks at once
for _ in range(depth):
    x = np.maximum(np.einsum("si,sij->sj", x, rng.normal(0, (2 / n) ** 0.5, (200, n, n))), 0)
print(np.median((x**2).mean(axis=1)), (x**2).mean())                # typical, mean
"""
DRAWS = 600_000
ACTIVATIONS: tuple[DriftActivation, ...] = get_args(DriftActivation)


@st.cache_data(show_spinner=False, max_entries=64)
def drift_logs(width: int, depth: int, activation: DriftActivation) -> np.ndarray:
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
        return "too few stacks are left to measure."
    deviation = last.std(ddof=1)
    half = 1.96 * deviation / (2 * len(last)) ** 0.5
    return (
        f"over {len(last)} stacks: mean logarithm {last.mean():.3f} ± {mean_half_width(last):.3f} (95 %; "
        f"exact {mean:.3f}), standard deviation {deviation:.3f} ± {half:.3f} (exact {variance**0.5:.3f})."
    )


def show_paths(logs: np.ndarray, last: np.ndarray, width: int, depth: int, activation: DriftActivation) -> None:
    """Single stacks layer by layer, and the law of their end."""
    mean, variance = stack_drift([width] * (depth + 1), activation=activation)
    one_mean, one_variance = log_drift(width, activation=activation)
    layers = np.arange(depth + 1)
    left, right = st.columns(2)
    plots.show(
        figures.drift_paths(logs, layers * one_mean, np.sqrt(layers * one_variance)),
        key="initialization_depth_paths",
        title=f"After {depth} layers the typical stack keeps {np.exp(mean):.3g} of the mean size",
        alt="Logarithm of signal size by layer for single stacks",
        place=left,
    )
    plots.show(
        figures.drift_histogram(last, mean, variance),
        key="initialization_depth_histogram",
        title="Does the size at the last layer follow the log-normal law?",
        alt="Distribution of the final log size with its law",
        place=right,
    )
    if len(last) < len(logs):
        st.warning(
            f"{len(logs) - len(last)} of {len(logs)} stacks died: in some layer every ReLU was 0, which happens with "
            f"probability 2^−{width} in each. They are left out: mean and deviation are exact for those that live.",
            icon=":material/info:",
        )


def picture() -> Reading:
    """The drift of narrow stacks."""
    left, middle, right = st.columns(3)
    width = left.slider("Width", 4, 1024, 64, key="initialization_depth_width", bind="query-params")
    depth = middle.slider("Layers", 2, 100, 40, key="initialization_depth_layers", bind="query-params")
    activation = right.segmented_control(
        "Activation",
        ACTIVATIONS,
        default="relu",
        key="initialization_depth_activation",
        bind="query-params",
        required=True,
    )
    logs = drift_logs(width, depth, activation)
    mean, variance = stack_drift([width] * (depth + 1), activation=activation)
    last = logs[np.isfinite(logs[:, -1]), -1]
    show_paths(logs, last, width, depth, activation)
    return Reading(
        see=f"after {{depth}} layers of width {{width}} the typical size is **{np.exp(mean):.3g}** of the mean, and "
        f"stacks differ by a factor of {np.exp(np.sqrt(variance)):.3g} up or down (one standard deviation).",
        theory="the logarithm of a signal's size is a sum over layers, each with mean about −1/n and variance 2/n "
        "(for ReLU −5/(2n) and 5/n): a random walk with a downward drift. The mean of 1 is carried by few large draws.",
        measured=spoken(last, mean, variance),
        apart="mean and variance are exact at every width; the normal curve is a limit, and for few layers of few "
        "units the histogram is skewed.",
        drag={
            "depth": Number("initialization_depth_layers", range(2, 101), "layers"),
            "width": Number("initialization_depth_width", range(4, 1025, 4), "width"),
        },
    )


def show_residual() -> None:
    """Residual branches at the start."""
    blocks = st.slider("Blocks", 2, 48, 12, key="initialization_depth_blocks", bind="query-params")
    factors = {name: residual_factors(blocks, placement=name) for name in ("post", "pre", "plain")}
    post, pre, plain = factors["post"], factors["pre"], factors["plain"]
    st.markdown(
        f"With {blocks} blocks the input's share in the last output is {post.shares[0]:.3g} under Post-Norm and "
        f"{pre.shares[0]:.3g} under Pre-Norm; without any norm the second moment grows to {plain.moments[-1]:.4g}, "
        f"with Pre-Norm to {pre.moments[-1]:.4g}. Post-Norm forgets its early blocks; Pre-Norm gives all one share."
    )
    plots.show(
        figures.residual_shares({"Post-Norm": post.shares, "Pre-Norm": pre.shares}),
        key="initialization_depth_shares",
        title=f"Post-Norm leaves the input a share of {post.shares[0]:.3g}, Pre-Norm {pre.shares[0]:.3g}",
        alt="Share of each block in the last output",
    )


CHAPTER = Chapter(
    question="What does depth do to a typical stack?",
    chinese="深度的影响 · log-normal drift",
    lead="The size is kept on average because a few stacks grow much: the typical stack shrinks, the more the deeper "
    "and narrower it is.",
    guess=Guess(
        question="40 ReLU layers of width 64 keep the size on average. What is left of it in a typical stack?",
        answers=("all", "about half", "about a fifth"),
        right="about a fifth",
        because="The drift is −5/(2n) a layer: 40 · 5/128 = 1.56, and e^−1.56 = 0.21.",
    ),
    picture=picture,
    good_for="judging a start by more than one seed: with a spread this wide a single stack says little. Width, "
    "residuals and norms end the drift.",
    formula=r"\ln\frac{|y|^2}{E|y|^2}\approx\mathcal N\Big(\sum_l\psi(\tfrac{n_l}2)-\ln\tfrac{n_l}2,\ "
    r"\sum_l\psi_1(\tfrac{n_l}2)\Big)",
    code=CODE,
    reference="Su Jianlin, [[8620]](https://kexue.fm/archives/8620) (residuals) and "
    "[[8725]](https://kexue.fm/archives/8725); the law of the logarithm is derived here.",
    more={"Residual branches: Post-Norm forgets, Pre-Norm shares": show_residual},
    inside={"initialization_depth_blocks": "Residual branches: Post-Norm forgets, Pre-Norm shares"},
)
