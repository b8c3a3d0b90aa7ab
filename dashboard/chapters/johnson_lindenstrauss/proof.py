"""The lemma's proof, one inequality after the other, each with its plot."""

import numpy as np
import streamlit as st

from dashboard.figures import johnson_lindenstrauss as figures
from dashboard.parts import plots
from engine.johnson_lindenstrauss import norm_tails, proof
from engine.johnson_lindenstrauss.bounds import jl_dim

TITLE = "Where does the proof lose its factor?"
SENTENCE = "Every inequality of the proof beside what is true; the losses add up to the factor in 24 ln N / ε²."
CHINESE = "逐步证明"
NOTE = """Every "≤" of the proof loses something. Each plot shows what is true (thick) and what the proof keeps
(thin); the sliders change all of them. At the end the losses add up to the factor between 24 ln N / ε² and the exact
law."""
SOURCE = "kexue.fm/archives/8679; exact laws: chi-square and variance-gamma"
LN10 = np.log(10)


def lines_of_formula(*parts: str) -> None:
    """A formula in pieces that each fit into a narrow window."""
    for part in parts:
        st.latex(part)


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.select_slider(
            "Dimensions n", [8, 16, 32, 64, 128, 256, 512, 1024], 128, key="jl_proof_n", bind="query-params", width=320
        )
        eps = st.slider("ε", 0.05, 0.95, 0.3, 0.05, key="jl_proof_eps", bind="query-params", width=260)
        n_samples = st.select_slider(
            "Points N", [10, 100, 1000, 10_000, 100_000], 1000, key="jl_proof_samples", bind="query-params", width=300
        )
    st.header("1. Markov's inequality on an exponential", anchor=False)
    lines_of_formula(
        r"P(\|u\|^2 \ge 1+\varepsilon) \le \min_{\lambda>0} "
        r"e^{-\lambda(1+\varepsilon)}\,\mathbb{E}\,e^{\lambda\|u\|^2}",
        r"= \min_\lambda e^{-\lambda(1+\varepsilon)}\Big(\frac{n}{n-2\lambda}\Big)^{n/2}",
    )
    best = proof.best_lambda(n=n, eps=eps)
    lam = np.linspace(0, min(2.5 * best, 0.49 * n), 200)
    both = norm_tails.norm_tail(n, eps=eps, log=True)
    plots.show(
        figures.lines(
            lam,
            {"bound for each λ": proof.chernoff_exponent(lam, n=n, eps=eps) / LN10},
            x_title="λ",
            y_title="log₁₀ probability",
            mark=(best, f"best λ = nε/(2(1+ε)) = {best:.2f}"),
            level=(float(both) / LN10, "exact, both tails"),
        ),
        key="jl_proof_markov",
        alt="Chernoff bound against lambda",
    )
    st.header("2. A square instead of a logarithm", anchor=False)
    lines_of_formula(
        r"\ln(1+\varepsilon)-\varepsilon \le -\tfrac14\varepsilon^2",
        r"\ln(1-\varepsilon)+\varepsilon \le -\tfrac14\varepsilon^2",
    )
    grid = np.linspace(0.005, 0.98, 150)
    plots.show(
        figures.lines(
            grid,
            {name: values / grid**2 for name, values in proof.elementary_gap(grid).items()},
            x_title="ε",
            y_title="exponent / (ε² n/2)",
            mark=(eps, f"ε = {eps:g}"),
            mark_end="bottom",
        ),
        key="jl_proof_square",
        alt="The elementary inequality",
    )
    st.caption(
        "For small ε the left sides are −ε²/2: here the exponent loses a factor 2. The best constant over all of "
        "(0, 1) is 1 − ln 2 = 0.3069; it alone turns 24 and 16 into 19.55 and 13.04."
    )
    dims = np.unique(np.geomspace(4, 3 * jl_dim(n_samples, eps=eps), 120).astype(int))
    st.header("3. The length of one vector", anchor=False)
    st.latex(r"P\big(\,|\|u\|^2-1| \ge \varepsilon\big) \le 2e^{-\varepsilon^2 n/8}")
    plots.show(
        figures.lines(
            dims,
            {
                "exact": norm_tails.norm_tail(dims, eps=eps, log=True) / LN10,
                "sharp Chernoff": norm_tails.norm_tail_bound(dims, eps=eps, log=True) / LN10,
                "2 exp(−ε²n/8)": norm_tails.norm_tail_bound(dims, eps=eps, kind="post", log=True) / LN10,
            },
            x_title="dimensions n",
            y_title="log₁₀ probability",
            mark=(n, f"n = {n}"),
            mark_end="bottom",
            level=(0.0, "above 0: says nothing"),
        ),
        key="jl_proof_norm",
        alt="Tail of the squared length",
    )
    st.header("4. Two vectors are nearly orthogonal", anchor=False)
    lines_of_formula(
        r"P(|\langle u,v\rangle| \ge \varepsilon) \le 4e^{-\varepsilon^2 n/8}",
        r"\langle u,v\rangle = \Big\|\tfrac{u+v}{2}\Big\|^2-\Big\|\tfrac{u-v}{2}\Big\|^2",
    )
    plots.show(
        figures.lines(
            dims,
            {
                "exact": norm_tails.inner_product_tail(dims, eps=eps, log=True) / LN10,
                "sharp Chernoff": norm_tails.inner_product_tail_bound(dims, eps=eps, log=True) / LN10,
                "4 exp(−ε²n/8)": norm_tails.inner_product_tail_bound(dims, eps=eps, kind="post", log=True) / LN10,
            },
            x_title="dimensions n",
            y_title="log₁₀ probability",
            mark=(n, f"n = {n}"),
            mark_end="bottom",
            level=(0.0, "above 0: says nothing"),
        ),
        key="jl_proof_product",
        alt="Tail of the inner product",
    )
    st.caption("Going through two lengths costs a factor 4 in the exponent: the true one is ε²/2, not ε²/8.")
    st.header("5. All pairs at once", anchor=False)
    lines_of_formula(
        r"P(\text{some pair fails}) \le \frac{N(N-1)}{2}\cdot 2e^{-\varepsilon^2 n/8}",
        r"\le \frac1N \quad\text{once}\quad n > \frac{24\ln N}{\varepsilon^2}",
    )
    log_pairs = np.log(n_samples * (n_samples - 1) / 2)
    plots.show(
        figures.lines(
            dims,
            {
                "exact tail × pairs": (log_pairs + norm_tails.norm_tail(dims, eps=eps, log=True)) / LN10,
                "sharp Chernoff × pairs": (log_pairs + norm_tails.norm_tail_bound(dims, eps=eps, log=True)) / LN10,
                "2 exp(−ε²n/8) × pairs": (log_pairs + norm_tails.norm_tail_bound(dims, eps=eps, kind="post", log=True))
                / LN10,
            },
            x_title="dimensions n",
            y_title="log₁₀ of the failure bound",
            mark=(jl_dim(n_samples, eps=eps, bound="post24"), "24 ln N / ε²"),
            level=(-np.log10(n_samples), "1/N"),
        ),
        key="jl_proof_union",
        alt="Union bound against n",
    )
    post, exact = (int(jl_dim(n_samples, eps=eps, bound=bound)) for bound in ("post24", "exact_union"))
    st.markdown(
        f"The proof asks for **{post:,}** dimensions, the exact law for **{exact:,}**: a factor {post / exact:.2f}."
    )
    st.header("6. Inner products by polarisation", anchor=False)
    lines_of_formula(
        r"4\langle x,y\rangle = \|x+y\|^2-\|x-y\|^2 \;\Rightarrow",
        r"|\langle Ax,Ay\rangle-\langle x,y\rangle| \le \varepsilon \quad(\|x\|=\|y\|=1)",
    )
    cosines = np.linspace(-1, 1, 101)
    plots.show(
        figures.lines(
            cosines,
            {f"sd of ⟨Ax, Ay⟩ at n = {n}": proof.inner_product_sd(cosines, n=n)},
            x_title="cosine of x and y",
            y_title="standard deviation",
            level=(eps, f"ε = {eps:g}"),
        ),
        key="jl_proof_polarisation",
        alt="Spread of the inner product against the cosine",
    )
    st.caption("The error is additive, and largest for parallel vectors: √((1 + cos²)/n).")
