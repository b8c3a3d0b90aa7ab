"""Where 8.33 comes from: Laplace's method step by step, with the reader's own numbers."""

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from dashboard.figures.labs import dimension as figures
from dashboard.parts.labs import lesson, steps
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.dimension import entropy, laplace
from engine.evidence.intervals import mean_interval
from engine.johnson_lindenstrauss.angles import angle_density

CODE = """
import numpy as np
from scipy.special import gammaln, ive
def h(n):                     # exact entropy shift, by Bessel functions
    nu = n / 2 - 1
    log_mean = gammaln(n / 2) + nu * np.log(2 / n) + np.log(ive(nu, n)) + n
    return log_mean - n * ive(nu + 1, n) / ive(nu, n)
print(h(96), 2 * np.log(1e5) + h(96))    # -23.17, -0.15: zero near n = 95.4
"""


def entropy_step(size: int, n: int) -> lesson.Picture:
    """The entropy of a table of pairs."""
    shift, total = float(entropy.condensation_entropy(n)), 2 * np.log(size)
    verdict = (
        "It is above 0."
        if total + shift > 0
        else "An entropy cannot be negative: sums were replaced by expectations, and that has failed here."
    )
    st.latex(r"p(i,j)\propto e^{\langle u_i,v_j\rangle},\qquad H\approx 2\ln N+h_n")
    st.markdown(
        f"{size:,} words have N² pairs, whose entropy is at most 2 ln N = **{total:.3f}** nats. Vectors of {n} "
        f"dimensions lower it by hₙ = **{shift:.3f}**, so H = **{total + shift:.3f}**. {verdict}"
    )
    dims = np.linspace(2, max(1.25 * n, 11 * np.log(size)), 120)
    return lesson.Picture(
        figures.entropy(
            dims,
            total + entropy.condensation_entropy(dims),
            [],
            threshold=float(entropy.dimension_for(size)),
        ),
        f"For N = {size:,} the formula's entropy is 0 at n = {float(entropy.dimension_for(size)):.1f}",
        key="dimension_laplace_entropy",
        alt="Entropy against the number of dimensions",
    )


def angle_step(size: int, n: int) -> lesson.Picture:
    """Which angles carry the mass."""
    st.latex(r"\langle u,v\rangle=n\cos\theta,\qquad p_n(\theta)\propto\sin^{n-2}\theta")
    mean = float(entropy.tilted_cosine(n))
    st.markdown(
        f"Nearly all pairs are nearly perpendicular, but the table's mass lies on the few whose angle is small. At "
        f"n = {n} their mean cosine is **{mean:.4f}**; for n → ∞ it becomes 1/φ = {laplace.COSINE:.4f}, the angle "
        f"{np.degrees(laplace.ANGLE):.1f}°."
    )
    theta = np.linspace(0.01, np.pi - 0.01, 300)
    per_degree = np.pi / 180
    return lesson.Picture(
        figures.tilted(
            np.degrees(theta),
            angle_density(theta, n=n) * per_degree,
            laplace.tilted_density(theta, n=n) * per_degree,
            place=np.degrees(laplace.ANGLE),
        ),
        f"The pairs that carry the mass have a mean cosine of {mean:.3f}, all pairs of 0 (n = {n})",
        key="dimension_laplace_angles",
        alt="Density of the angle with and without the weight",
    )


def laplace_step(size: int, n: int) -> lesson.Picture:
    """A parabola instead of the exponent."""
    st.latex(r"\int e^{n(\ln\sin\theta+\cos\theta)}\,\frac{d\theta}{\sin^2\theta}")
    st.latex(r"\approx\varphi\,\sqrt{\frac{2\pi}{\sqrt5\,n}}\;e^{0.377428\,n}")
    exact, kept = float(entropy.log_mean_exp(n)), float(laplace.log_mean_exp_by_laplace(n))
    dropped = float(laplace.log_mean_exp_by_laplace(n, factor=False))
    st.markdown(
        f"The exponent is largest at θ* = {laplace.ANGLE:.6f}, with value {laplace.HEIGHT:.6f} and curvature "
        f"−√5 = {laplace.CURVATURE:.4f}. The parabola gives ln E e^(n cos θ) ≈ **{kept:.4f}** at n = {n}; "
        f"exactly it is **{exact:.4f}**. The post drops the factor φ: {dropped:.4f}, "
        "which does not change the slope in n."
    )
    theta = np.linspace(0.06, 2.2, 200)
    return lesson.Picture(
        figures.exponent(theta, laplace.exponent(theta), laplace.parabola(theta), place=laplace.ANGLE),
        "Near its maximum a parabola can replace the exponent",
        key="dimension_laplace_exponent",
        alt="The exponent and its parabola",
    )


def slope_step(size: int, n: int) -> lesson.Picture:
    """The slope of the entropy."""
    st.latex(r"\frac{h_n}{n}\to 0.377428-0.618034=-0.240606=-\frac{\ln\varphi}{2}")
    exact = float(entropy.condensation_entropy(n))
    st.markdown(
        f"The logarithm grows by {laplace.HEIGHT:.6f} a dimension, the mean logit by {laplace.COSINE:.6f}: the "
        f"difference is the slope. At n = {n} exactly hₙ/n = **{exact / n:.5f}**, with the second term "
        f"**{float(entropy.condensation_entropy_asymptote(n)) / n:.5f}**."
    )
    dims = np.unique(np.geomspace(2, 4096, 80).astype(int)).astype(float)
    return lesson.Picture(
        figures.shift(
            dims, entropy.condensation_entropy(dims), -0.24 * dims, entropy.condensation_entropy_asymptote(dims)
        ),
        "Each dimension lowers the entropy by about 0.2406 nats; the post rounds to 0.24",
        key="dimension_laplace_shift",
        alt="Entropy shift per dimension",
    )


def solve_step(size: int, n: int) -> None:
    """Solving for n, and what the post says of graphs and of 50 dimensions."""
    st.latex(r"2\ln N=\tfrac{\ln\varphi}{2}\,n\ \Rightarrow\ n=\frac{4}{\ln\varphi}\ln N=8.3123\,\ln N")
    logarithm = np.log(size)
    st.markdown(
        f"For N = {size:,} the post's 8.33 ln N is **{entropy.POST_COEFFICIENT * logarithm:.2f}**, from rounding "
        f"0.2406 "
        f"to 0.24. 4 / ln φ = 8.3123 gives {entropy.PAIRS_COEFFICIENT * logarithm:.2f}; with the exact hₙ the "
        f"entropy is "
        f"zero at **{float(entropy.dimension_for(size)):.2f}**. A softmax over one row has ln N instead of 2 ln N: "
        f"**{float(entropy.dimension_for(size, form='rows')):.2f}**."
    )
    st.markdown(
        f"""**Graphs.** The post reads a node embedding as skip-gram on edges: N is the number of nodes, and MinGE
(arXiv 2105.03178) adds an entropy of the structure to this one. For {size:,} nodes the part above is the same
{entropy.POST_COEFFICIENT * logarithm:.0f}. Not measured here.

**50 dimensions.** The post cites Lai et al. (2015), who saw little gain beyond some 50 dimensions. For 100,000 words
the rule asks for {entropy.POST_COEFFICIENT * np.log(1e5):.0f}, by rows for
{float(entropy.dimension_for(100_000, form="rows")):.0f}. The skip-gram chapter shows a smooth rise without a corner, so
50 neither confirms nor refutes the rule."""
    )


DIMENSIONS = (4, 8, 16, 32, 64, 96, 128, 256, 512)
WORDS, DRAWS = 128, 8
STEPS: dict[str, Callable[[int, int], lesson.Picture | None]] = {
    "1 Entropy": entropy_step,
    "2 Angles": angle_step,
    "3 Laplace": laplace_step,
    "4 Slope": slope_step,
    "5 Solve": solve_step,
}


@st.cache_data(show_spinner=False, max_entries=32)
def drawn(n: int) -> tuple[float, float, float]:
    """Entropy of random tables of 128 words: mean with its 95 % interval."""
    found = [entropy.random_table_entropy(WORDS, n, rng=np.random.default_rng([n, seed])) for seed in range(DRAWS)]
    mean, low, high, _ = mean_interval(found)
    return mean, low, high


def picture() -> Reading:
    """The step that is open."""
    shown = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.number_input(
            "Words N", 2, 10**12, 100_000, key="dimension_laplace_size", bind="query-params", width=180
        )
        n = st.select_slider("Dimensions n", DIMENSIONS, 64, key="dimension_laplace_n", bind="query-params", width=280)
    with shown:
        steps.walk("dimension_laplace_step", {name: partial(step, int(size), int(n)) for name, step in STEPS.items()})
    mean, low, high = drawn(int(n))
    law = 2 * np.log(WORDS) + float(entropy.condensation_entropy(n))
    return Reading(
        see=f"five steps from the entropy to the rule, with N = {size:,} and n = {{n}} in each of them.",
        theory=f"the exponent ln sin θ + cos θ is largest where cos θ = 1/φ; there its height is "
        f"{laplace.HEIGHT:.6f} and "
        f"the mean logit {laplace.COSINE:.6f} a dimension. Their difference is the slope −(ln φ)/2 = −0.240606, so "
        "n = 4 ln N / ln φ = 8.3123 ln N.",
        measured=f"{DRAWS} random tables of {WORDS} words with n = {n}: {mean:.3f} nats (95 % {low:.3f} to "
        f"{high:.3f}); "
        f"the law says {law:.3f}{', but an entropy cannot be negative' if law < 0 else ''}.",
        apart="trained vectors are neither random nor of norm √n: with half the norm product |u||v| the coefficient is "
        f"{float(entropy.coefficient(rho=0.5)):.2f}, with twice {float(entropy.coefficient(rho=2.0)):.2f}.",
        drag={"n": Number("dimension_laplace_n", DIMENSIONS, "dimensions n")},
    )


CHAPTER = Chapter(
    question="Where does 8.33 come from?",
    chinese="最小熵原理与拉普拉斯近似：8.33 ln N 的推导 · Laplace's method",
    lead="Five steps lead from the entropy of random vectors to 4 / ln φ = 8.3123, with φ the golden ratio, which the "
    "post rounds to 8.33.",
    guess=Guess(
        question="nearly all random pairs meet at 90°. At which angle lie the pairs that carry the table's mass?",
        answers=("90°", "52°", "0°"),
        right="52°",
        because="At 90° there are many pairs of small weight, at 0° few of large weight. Their product peaks at 51.8°.",
    ),
    picture=picture,
    beside=True,
    good_for="seeing which assumption to change: norms, rows instead of pairs, trained vectors.",
    formula=r"h_n=\ln E\,e^{n\cos\theta}-\frac{E\,n\cos\theta\,e^{n\cos\theta}}{E\,e^{n\cos\theta}}"
    r"\approx-\frac{\ln\varphi}2\,n",
    code=CODE,
    reference="Su Jianlin, [[7695]](https://kexue.fm/archives/7695) (derivation) and "
    "[[8711]](https://kexue.fm/archives/8711) (use, graphs, 50 dimensions); Derrida (1981), the random-energy "
    "model, doi "
    "10.1103/PhysRevB.24.2613.",
)
