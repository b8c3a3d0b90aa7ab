"""The spectrum of a stack against its depth: Gaussian layers lose directions, orthogonal ones keep all."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import isometry as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.evidence.intervals import mean_half_width
from engine.initialization.isometry import product_spectra
from engine.initialization.singular_values import product_spectral_moments

WIDTHS = (8, 16, 32, 48)
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


def picture() -> Reading:
    """Quantiles of the singular values against the depth."""
    left, right = st.columns(2)
    width = left.select_slider("Width", WIDTHS, 32, key="initialization_isometry_width", bind="query-params")
    depth = right.select_slider("Layers", DEPTHS, 8, key="initialization_isometry_layers", bind="query-params")
    gaussian, orthogonal = spectra(width)
    deepest = gaussian[:, -1]
    lesson.titled(
        figures.spectrum_by_depth(DEPTHS, gaussian, orthogonal),
        f"After {DEPTHS[-1]} Gaussian layers the median singular value is {np.median(deepest):.1g}, orthogonal ones "
        "keep 1",
        key="initialization_isometry_spectrum",
        alt="Quantiles of the singular values of a product of layers against their number",
    )
    values = gaussian[:, DEPTHS.index(depth)]
    squares, fourths = (values**2).mean(axis=1), (values**4).mean(axis=1)
    carried = (values[:, : max(1, width // 8)] ** 2).sum(axis=1) / (values**2).sum(axis=1)
    return Reading(
        see=f"after {{depth}} layers of width {{width}} the median singular value of a Gaussian stack is "
        f"{np.median(values):.3g} and the largest {values.max(axis=1).mean():.3g}; the strongest eighth of all "
        f"directions carries **{carried.mean():.0%}** of the energy. Orthogonal layers keep 1.".replace("%", " %"),
        theory=f"the mean of v² is 1 at every depth; the mean of v⁴ is L + 1 = {product_spectral_moments(depth)[1]:g} "
        "for wide Gaussian layers and 1 for orthogonal ones.",
        measured=f"{DRAWS} random stacks: v² {squares.mean():.2f} ± {mean_half_width(squares):.2f}, v⁴ "
        f"{fourths.mean():.3g} ± {mean_half_width(fourths):.2g} (95 %).",
        apart="the law is of wide layers: where the depth nears the width, single stacks differ by orders of "
        "magnitude, a few draws rarely contain the large ones, and the interval is then too narrow.",
        drag={
            "depth": Number("initialization_isometry_layers", DEPTHS, "layers"),
            "width": Number("initialization_isometry_width", WIDTHS, "width"),
        },
    )


CHAPTER = Chapter(
    question="What is left of the spectrum after many layers?",
    chinese="动力等距：谱随深度的变化 · dynamical isometry",
    lead="Variance 1/n keeps the mean of the squared singular values at 1, but after some layers a few directions "
    "carry all of the signal.",
    guess=Guess(
        question="after 8 Gaussian layers of width 32, what do the strongest eighth of all directions carry?",
        answers=("an eighth of the energy", "about half", "most of it"),
        right="most of it",
        because="The mean of v⁴ is 9 times that of one equal spectrum: few singular values are large, most near 0.",
    ),
    picture=picture,
    beside=True,
    good_for="orthogonal starts in deep plain stacks. A ReLU breaks the isometry; residuals and norms help more.",
    formula=r"\tfrac1n\sum v^2=1,\qquad \tfrac1n\sum v^4=L+1\ \text{(Gaussian)},\quad 1\ \text{(orthogonal)}",
    code=CODE,
    reference="Nearly orthogonal matrices: [[7180]](https://kexue.fm/archives/7180), used by "
    "[[8725]](https://kexue.fm/archives/8725). Saxe et al. (2013), [arXiv 1312.6120](https://arxiv.org/abs/1312.6120); "
    "Pennington et al. (2017), [arXiv 1711.04735](https://arxiv.org/abs/1711.04735).",
)
