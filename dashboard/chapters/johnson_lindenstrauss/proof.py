"""The lemma's proof, one inequality after the other, each with its plot and the reader's own numbers."""

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from dashboard.figures.labs import johnson_lindenstrauss as figures
from dashboard.parts.labs import lesson, steps
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.evidence.intervals import proportion_interval
from engine.johnson_lindenstrauss import norm_tails, proof
from engine.johnson_lindenstrauss.bounds import jl_dim

DIMENSIONS, SAMPLES = (8, 16, 32, 64, 128, 256, 512, 1024), (10, 100, 1000, 10_000, 100_000)
DRAWS = 2000
LN10 = np.log(10)
CODE = """
import numpy as np
from scipy.stats import chi2
n, eps, N = 128, 0.3, 1000
exact = chi2.sf(n * (1 + eps), n) + chi2.cdf(n * (1 - eps), n)     # one pair fails
print(exact, 2 * np.exp(-(eps**2) * n / 8), N * (N - 1) / 2 * exact)
"""


def formula(*parts: str) -> None:
    """A formula in pieces that each fit into a narrow window."""
    for part in parts:
        st.latex(part)


def power(logarithm: float) -> str:
    """A probability or a bound from its natural logarithm: `0.0123`, `4.2e-12`."""
    return f"{np.exp(logarithm):.3g}" if logarithm > -700 else f"10^{logarithm / LN10:.0f}"


def markov(n: int, eps: float, n_samples: int) -> lesson.Picture:
    """Markov's inequality on an exponential."""
    formula(
        r"P(\|u\|^2 \ge 1+\varepsilon) \le \min_{\lambda>0} "
        r"e^{-\lambda(1+\varepsilon)}\,\mathbb{E}\,e^{\lambda\|u\|^2}",
        r"= \min_\lambda e^{-\lambda(1+\varepsilon)}\Big(\frac{n}{n-2\lambda}\Big)^{n/2}",
    )
    best = proof.best_lambda(n=n, eps=eps)
    lam = np.linspace(0, min(2.5 * best, 0.49 * n), 200)
    both = float(norm_tails.norm_tail(n, eps=eps, log=True))
    least = float(proof.chernoff_exponent(best, n=n, eps=eps))
    st.markdown(
        f"Every λ gives a bound; the best is λ = nε / (2(1+ε)) = **{best:.2f}** and gives **{power(least)}** for "
        f"n = {n}, ε = {eps:g}. Truly both tails together have probability {power(both)}."
    )
    return lesson.Picture(
        figures.lines(
            lam,
            {"bound for each λ": proof.chernoff_exponent(lam, n=n, eps=eps) / LN10},
            x_title="λ",
            y_title="log₁₀ probability",
            mark=(best, f"best λ = {best:.2f}"),
            level=(both / LN10, "exact, both tails"),
        ),
        f"The best λ bounds the probability by {power(least)}; exactly it is {power(both)}",
        key="jl_proof_markov",
        alt="Chernoff bound against lambda",
    )


def square(n: int, eps: float, n_samples: int) -> lesson.Picture:
    """A square instead of a logarithm."""
    formula(
        r"\ln(1+\varepsilon)-\varepsilon \le -\tfrac14\varepsilon^2",
        r"\ln(1-\varepsilon)+\varepsilon \le -\tfrac14\varepsilon^2",
    )
    kept, true = eps**2 / 4, eps - np.log1p(eps)
    st.markdown(
        f"At ε = {eps:g} the exponent per n/2 is truly {true:.4g}; the proof keeps ε²/4 = {kept:.4g}. This step alone "
        f"asks for **{true / kept:.2f} times** too many dimensions (2 for small ε). The best constant on all of (0, 1) "
        "is 1 − ln 2 = 0.3069: it alone turns 24 and 16 into 19.55 and 13.04."
    )
    grid = np.linspace(0.005, 0.98, 150)
    return lesson.Picture(
        figures.lines(
            grid,
            {name: values / grid**2 for name, values in proof.elementary_gap(grid).items()},
            x_title="ε",
            y_title="exponent / (ε² n/2)",
            mark=(eps, f"ε = {eps:g}"),
            mark_end="bottom",
        ),
        f"At ε = {eps:g} the proof keeps {kept / true:.0%} of the exponent".replace("%", " %"),
        key="jl_proof_square",
        alt="The elementary inequality",
    )


def length(n: int, eps: float, n_samples: int) -> lesson.Picture:
    """The length of one vector."""
    st.latex(r"P\big(\,|\|u\|^2-1| \ge \varepsilon\big) \le 2e^{-\varepsilon^2 n/8}")
    exact = float(norm_tails.norm_tail(n, eps=eps, log=True))
    bound = float(norm_tails.norm_tail_bound(n, eps=eps, kind="post", log=True))
    nothing = " That is above 1: it says nothing." if bound > 0 else ""
    st.markdown(
        f"At n = {n} and ε = {eps:g} one length fails with probability **{power(exact)}**; the proof says at most "
        f"**{power(bound)}**.{nothing}"
    )
    return tails(n, eps, n_samples, kind="norm")


def orthogonal(n: int, eps: float, n_samples: int) -> lesson.Picture:
    """Two vectors are nearly orthogonal."""
    formula(
        r"P(|\langle u,v\rangle| \ge \varepsilon) \le 4e^{-\varepsilon^2 n/8}",
        r"\langle u,v\rangle = \Big\|\tfrac{u+v}{2}\Big\|^2-\Big\|\tfrac{u-v}{2}\Big\|^2",
    )
    exact = float(norm_tails.inner_product_tail(n, eps=eps, log=True))
    bound = float(norm_tails.inner_product_tail_bound(n, eps=eps, kind="post", log=True))
    nothing = " That is above 1: it says nothing." if bound > 0 else ""
    st.markdown(
        f"At n = {n} and ε = {eps:g} the inner product exceeds ε with probability **{power(exact)}**; the proof says "
        f"at most **{power(bound)}**.{nothing} Going through two lengths costs a factor 4 in the exponent: for small ε "
        "the true one is ε²/2, not ε²/8."
    )
    return tails(n, eps, n_samples, kind="inner_product")


def tails(n: int, eps: float, n_samples: int, *, kind: str) -> lesson.Picture:
    """Exact tail, sharp Chernoff bound and the proof's bound against n."""
    dims = np.unique(np.geomspace(4, 3 * jl_dim(n_samples, eps=eps), 100).astype(int))
    tail = getattr(norm_tails, f"{kind}_tail")
    bound = getattr(norm_tails, f"{kind}_tail_bound")
    factor, what = ("2", "length") if kind == "norm" else ("4", "inner product")
    return lesson.Picture(
        figures.lines(
            dims,
            {
                "exact": tail(dims, eps=eps, log=True) / LN10,
                "sharp Chernoff": bound(dims, eps=eps, log=True) / LN10,
                f"{factor} exp(−ε²n/8)": bound(dims, eps=eps, kind="post", log=True) / LN10,
            },
            x_title="dimensions n",
            y_title="log₁₀ probability",
            mark=(n, f"n = {n}") if n <= dims[-1] else None,
            mark_end="bottom",
            level=(0.0, "above 0: says nothing"),
        ),
        f"How far are the bounds above the exact probability? The {what} of one pair, off by ε",
        key=f"jl_proof_{'norm' if kind == 'norm' else 'product'}",
        alt=f"Tail of the {what} against n",
    )


def union(n: int, eps: float, n_samples: int) -> lesson.Picture:
    """All pairs at once."""
    formula(
        r"P(\text{some pair fails}) \le \frac{N(N-1)}{2}\cdot 2e^{-\varepsilon^2 n/8}",
        r"\le \frac1N \quad\text{once}\quad n > \frac{24\ln N}{\varepsilon^2}",
    )
    post, exact = (int(jl_dim(n_samples, eps=eps, bound=bound)) for bound in ("post24", "exact_union"))
    pairs = n_samples * (n_samples - 1) // 2
    log_pairs = np.log(pairs)
    dims = np.unique(np.geomspace(4, 3 * exact, 100).astype(int))
    st.markdown(
        f"{n_samples:,} points have {pairs:,} pairs. The proof asks for **{post:,}** dimensions so that all survive "
        f"with probability 1 − 1/N; the exact law of one pair, added over the pairs, asks for **{exact:,}**: a factor "
        f"{post / exact:.2f}."
    )
    curves = {
        "exact tail × pairs": norm_tails.norm_tail(dims, eps=eps, log=True),
        "sharp Chernoff × pairs": norm_tails.norm_tail_bound(dims, eps=eps, log=True),
        "2 exp(−ε²n/8) × pairs": norm_tails.norm_tail_bound(dims, eps=eps, kind="post", log=True),
    }
    return lesson.Picture(
        figures.lines(
            dims,
            {name: (log_pairs + values) / LN10 for name, values in curves.items()},
            x_title="dimensions n",
            y_title="log₁₀ of the failure bound",
            mark=(post, "24 ln N / ε²") if post <= dims[-1] else (exact, "exact"),
            level=(-np.log10(n_samples), "1/N"),
        ),
        f"The proof asks for {post:,} dimensions, the exact law for {exact:,}",
        key="jl_proof_union",
        alt="Union bound against n",
    )


def polarisation(n: int, eps: float, n_samples: int) -> lesson.Picture:
    """Inner products by polarisation."""
    formula(
        r"4\langle x,y\rangle = \|x+y\|^2-\|x-y\|^2 \;\Rightarrow",
        r"|\langle Ax,Ay\rangle-\langle x,y\rangle| \le \varepsilon \quad(\|x\|=\|y\|=1)",
    )
    right, parallel = (float(proof.inner_product_sd(c, n=n)) for c in (0.0, 1.0))
    st.markdown(
        f"The lemma for xᵢ − xⱼ and xᵢ + xⱼ together gives inner products; twice as many events may fail, so the "
        f"promise is (N − 2)/N = **{1 - 2 / n_samples:.6g}** instead of (N − 1)/N. The error is additive: its standard "
        f"deviation at n = {n} is {right:.4g} for perpendicular and {parallel:.4g} for parallel vectors."
    )
    cosines = np.linspace(-1, 1, 101)
    return lesson.Picture(
        figures.lines(
            cosines,
            {f"sd of ⟨Ax, Ay⟩ at n = {n}": proof.inner_product_sd(cosines, n=n)},
            x_title="cosine of x and y",
            y_title="standard deviation",
            level=(eps, f"ε = {eps:g}"),
        ),
        "The inner product of parallel vectors spreads √2 times as much as that of perpendicular ones",
        key="jl_proof_polarisation",
        alt="Spread of the inner product against the cosine",
    )


STEPS: dict[str, Callable[[int, float, int], lesson.Picture]] = {
    "1 Markov": markov,
    "2 A square": square,
    "3 One length": length,
    "4 Two vectors": orthogonal,
    "5 All pairs": union,
    "6 Inner products": polarisation,
}


def picture() -> Reading:
    """The step that is open."""
    shown = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.select_slider("Dimensions n", DIMENSIONS, 128, key="jl_proof_n", bind="query-params", width=220)
        eps = st.slider("ε", 0.05, 0.95, 0.3, 0.05, key="jl_proof_eps", bind="query-params", width=180)
        n_samples = st.select_slider("Points N", SAMPLES, 1000, key="jl_proof_samples", bind="query-params", width=200)
    with shown:
        steps.walk("jl_proof_step", {name: partial(step, n, eps, n_samples) for name, step in STEPS.items()})
    exact, bound = (
        norm_tails.norm_tail(n, eps=eps, log=True),
        norm_tails.norm_tail_bound(n, eps=eps, kind="post", log=True),
    )
    lengths = np.square(np.random.default_rng(0).standard_normal((DRAWS, n))).mean(axis=1)
    share, low, high, _ = proportion_interval(int((np.abs(lengths - 1) >= eps).sum()), DRAWS)
    post, enough = (int(jl_dim(n_samples, eps=eps, bound=kind)) for kind in ("post24", "exact_union"))
    return Reading(
        see="with n = {n}, ε = {eps} and N = {samples}, each step's plot shows what is true and what the proof keeps.",
        theory=f"the proof ends at 24 ln N / ε² = {post:,} dimensions with probability (N − 1)/N, and at (N − 2)/N for "
        f"inner products. One length is off by ε or more with probability at most {power(float(bound))}.",
        measured=f"of {DRAWS:,} random lengths a share of {share:.4f} is off by ε or more (95 % {low:.4f} to "
        f"{high:.4f}); the exact probability is {power(float(exact))}.",
        apart=f"the losses of the steps multiply to a factor {post / enough:.2f}: the exact law asks for {enough:,}.",
        drag={
            "n": Number("jl_proof_n", DIMENSIONS, "dimensions n"),
            "eps": Number("jl_proof_eps", spaced(0.05, 0.95, 0.05), "tolerance ε"),
            "samples": Number("jl_proof_samples", SAMPLES, "points N"),
        },
    )


CHAPTER = Chapter(
    question="Where does the proof lose its factor?",
    chinese="JL 引理的逐步证明 · the proof, step by step",
    lead="Each inequality of the proof gives something away: six steps compare what it keeps with what is true, for "
    "your own n, ε and N.",
    guess=Guess(
        question="which step gives most away for small ε?",
        answers=("Markov's inequality", "ε²/4 for the exponent", "adding over all pairs"),
        right="ε²/4 for the exponent",
        because="It halves the exponent, so it doubles the dimensions. The other two cost little on a logarithm.",
    ),
    picture=picture,
    beside=True,
    good_for="knowing which constant to believe: take the exact law for a number, the proof for the shape ln N / ε².",
    formula=r"P\big(\,|\|u\|^2-1|\ge\varepsilon\big)\le2e^{-\varepsilon^2n/8},\qquad "
    r"\tfrac{N(N-1)}2\cdot2e^{-\varepsilon^2n/8}\le\tfrac1N",
    code=CODE,
    reference="Su Jianlin, [[8679]](https://kexue.fm/archives/8679); Dasgupta and Gupta (2003), doi 10.1002/rsa.10073.",
)
