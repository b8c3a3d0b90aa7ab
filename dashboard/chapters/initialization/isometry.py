"""The spectrum of a stack against its depth: Gaussian layers lose directions, orthogonal ones keep all."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import isometry as figures
from dashboard.parts.labs import lesson
from engine.evidence.intervals import mean_half_width
from engine.initialization.isometry import product_spectra
from engine.initialization.singular_values import product_spectral_moments

TITLE = "What is left of the spectrum after many layers?"
SENTENCE = "A variance of 1/n keeps the size on average, but after some layers a few directions carry all of it."
CHINESE = "动力等距：谱随深度的变化"
NOTE = """A stack of linear layers is one matrix, the product. Its singular values v tell by how much it stretches each
direction. The mean of v² is 1 whatever the law of the entries; whether all v are near 1 is another matter, called
dynamical isometry."""
FORMULA = r"\tfrac1n\sum v^2=1,\qquad \tfrac1n\sum v^4=L+1\ \text{(Gaussian)},\quad 1\ \text{(orthogonal)}"
SOURCE = (
    "Saxe et al. 2013, [arXiv 1312.6120](https://arxiv.org/abs/1312.6120); Pennington et al. 2017, "
    "[arXiv 1711.04735](https://arxiv.org/abs/1711.04735)"
)
DEPTHS = (1, 2, 4, 8, 16, 32)
DRAWS = 8
CODE = """
import torch

layers = [torch.nn.init.orthogonal_(torch.empty(64, 64)) for _ in range(32)]
print(torch.linalg.svdvals(torch.linalg.multi_dot(layers)))      # all 1
"""


@st.cache_resource(show_spinner=False, max_entries=16)
def spectra(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Singular values of Gaussian and of orthogonal products, (draws, depths, width) each."""
    gaussian = product_spectra(np.random.default_rng(0), width, DEPTHS, draws=DRAWS)
    return gaussian, product_spectra(np.random.default_rng(0), width, DEPTHS, law="orthogonal")


def show() -> None:
    """The chapter below its title."""
    left, right = st.columns(2)
    width = left.select_slider("Width", [8, 16, 32, 48], 32, key="initialization_isometry_width", bind="query-params")
    depth = right.select_slider("Layers", DEPTHS, 8, key="initialization_isometry_layers", bind="query-params")
    gaussian, orthogonal = spectra(width)
    at = DEPTHS.index(depth)
    values = gaussian[:, at]
    squares, fourths = (values**2).mean(axis=1), (values**4).mean(axis=1)
    carried = (values[:, : max(1, width // 8)] ** 2).sum(axis=1) / (values**2).sum(axis=1)
    lesson.predict(
        f"after {depth} Gaussian layers of width {width}, how much of the signal's energy do the strongest eighth of "
        "all directions carry?",
        ["an eighth", "about half", "most of it"],
        right=min((("an eighth", 0.125), ("about half", 0.5), ("most of it", 0.9)), key=lambda answer: abs(
            answer[1] - float(carried.mean())))[0],
        because=f"Measured: {carried.mean():.0%}.",
        key="initialization_isometry_guess",
    )  # fmt: skip
    words, picture = st.columns([2, 3])
    with picture:
        lesson.titled(
            figures.spectrum_by_depth(DEPTHS, gaussian, orthogonal),
            "Singular values of the whole stack, layer by layer",
            key="initialization_isometry_spectrum",
            alt="Quantiles of the singular values of a product of layers against their number",
        )
    with words:
        law = product_spectral_moments(depth)[1]
        lesson.reading(
            see=f"after {depth} layers of width {width} the median singular value of a Gaussian stack is "
            f"{np.median(values):.3g} and the largest {values.max(axis=1).mean():.3g}; orthogonal layers keep 1.",
            theory=f"the mean of v² is 1 at every depth; the mean of v⁴ is L + 1 = {law:g} for wide Gaussian layers "
            "and 1 for orthogonal ones.",
            measured=f"{DRAWS} random stacks: v² {squares.mean():.2f} ± {mean_half_width(squares):.2f}, v⁴ "
            f"{fourths.mean():.3g} ± {mean_half_width(fourths):.2g} (95 %).",
            apart="the law is of wide layers: where the depth nears the width, single stacks differ by orders of "
            "magnitude, a few draws rarely meet the large ones, and the interval is then too narrow.",
        )
        st.markdown(
            "**Good for:** orthogonal starts in deep plain stacks. A ReLU breaks the isometry; residuals and norms "
            "help more."
        )
    lesson.take_along(CODE, reference=SOURCE)
