"""Where the formula of whitening comes from, step by step, and how its statistics are kept sentence by sentence."""

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from dashboard.figures.labs import johnson_lindenstrauss as lines
from dashboard.figures.labs import whitening_circle as figures
from dashboard.parts.labs import lesson, steps
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.embeddings.streaming import streamed
from engine.embeddings.whitening import fit_whitening

SENTENCES = 200
CODE = """
import numpy as np

mean, cov, n = 0.0, 0.0, 0
for x in vectors:                                    # one sentence at a time, exact
    second = (n * (cov + np.outer(mean, mean)) + np.outer(x, x)) / (n + 1)
    mean, n = (n * mean + x) / (n + 1), n + 1
    cov = second - np.outer(mean, mean)
"""


@st.cache_data(show_spinner=False, max_entries=32)
def drawn(correlation: float, scale: float) -> np.ndarray:
    """Random vectors in two dimensions: unit variance along the first coordinate, `scale` along the second."""
    covariance = np.array([[1, correlation * scale], [correlation * scale, scale**2]])
    return np.random.default_rng(5).multivariate_normal([2.0, 1.0], covariance, size=SENTENCES)


def matrix(values: np.ndarray) -> str:
    """A 2 x 2 matrix as LaTeX."""
    rows = r"\\\\".join("&".join(f"{value:.2f}" for value in line) for line in values)
    return rf"\begin{{pmatrix}}{rows}\end{{pmatrix}}"


def basis_step(vectors: np.ndarray) -> lesson.Picture:
    """What a cosine presumes."""
    st.latex(r"\cos(x,y)=\frac{\sum_i x_iy_i}{\sqrt{\sum_i x_i^2}\sqrt{\sum_i y_i^2}}")
    spread = vectors.std(axis=0)
    st.markdown(
        "This is the cosine of the angle **only in an orthonormal basis**. Whether BERT's coordinates are one, nobody "
        "knows. What one can check is isotropy: in an orthonormal basis vectors without a preferred direction have "
        f"mean 0 and covariance 1. Here the mean is ({vectors[:, 0].mean():.2f}, {vectors[:, 1].mean():.2f}), the "
        f"standard deviations {spread[0]:.2f} and {spread[1]:.2f}, the correlation "
        f"{np.corrcoef(vectors.T)[0, 1]:+.2f}."
    )
    return the_vectors(
        vectors, f"As they come, the vectors lie off zero, {elongation(vectors):.1f} times as long as wide", "basis"
    )


def wanted_step(vectors: np.ndarray) -> lesson.Picture:
    """What the map must do."""
    st.latex(r"\tilde x=(x-\mu)W,\quad \operatorname{mean}\tilde x=0,\quad W^\top\Sigma W=I")
    covariance = np.cov(vectors, rowvar=False)
    st.latex(rf"\Sigma={matrix(covariance)}")
    st.markdown(
        "A linear map with a shift changes the basis. The shift takes out the mean μ; W must turn the covariance Σ "
        "into "
        "the identity."
    )
    return the_vectors(
        vectors - vectors.mean(axis=0), "Without their mean the vectors lie around zero, still in an ellipse", "wanted"
    )


def solve_step(vectors: np.ndarray) -> lesson.Picture:
    """Solving for W."""
    st.latex(r"\Sigma=U\Lambda U^\top\ \Rightarrow\ W=U\Lambda^{-1/2},\quad W^\top\Sigma W=I")
    fitted = fit_whitening(vectors)
    white = fitted.transform(vectors)
    st.latex(rf"W={matrix(fitted.kernel)}")
    error = np.abs(np.cov(white, rowvar=False) - np.eye(2)).max()
    st.markdown(
        f"Σ has the eigenvalues {fitted.eigenvalues[0]:.3f} and {fitted.eigenvalues[1]:.3f}. Dividing by their roots "
        f"makes the covariance the identity up to {error:.0e}. W is unique up to a rotation from the right, which no "
        "cosine sees."
    )
    return the_vectors(white, "Whitened, they lie around zero, equally wide in every direction", "solve")


def streaming_step(vectors: np.ndarray) -> lesson.Picture:
    """One sentence at a time."""
    st.latex(r"\mu'=\tfrac{n\mu+x}{n+1},\qquad \Sigma'=\tfrac{n(\Sigma+\mu\mu^\top)+xx^\top}{n+1}-\mu'\mu'^\top")
    exact, printed = errors(vectors)
    st.markdown(
        "Mean and covariance can be kept without keeping the sentences. The post's recursion is exact. Equation 11 of "
        "the paper, read with the running mean, leaves out that the mean moves for the sentences before: after "
        f"{SENTENCES} sentences it is off by **{printed[-1]:.2f}**, the post's by **{exact[-1]:.0e}**."
    )
    return lesson.Picture(
        lines.lines(
            np.arange(1, SENTENCES + 1),
            {"post, exact": np.log10(np.maximum(exact, 1e-17)), "paper's equation 11": np.log10(printed + 1e-17)},
            x_title="sentences seen",
            y_title="log₁₀ of the largest error in Σ",
        ),
        f"The post's recursion is exact, the paper's equation 11 is off by {printed[-1]:.2f} in the end",
        key="whitening_derivation_streaming",
        alt="Error of both recursions against the number of sentences",
    )


def elongation(vectors: np.ndarray) -> float:
    """Standard deviation along the widest direction over that along the narrowest."""
    variances = fit_whitening(vectors).eigenvalues
    return float(np.sqrt(variances[0] / variances[-1]))


def errors(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest error of the covariance after each sentence, by the exact and by the printed recursion."""
    true = np.array([np.cov(vectors[: n + 1], rowvar=False, ddof=0) for n in range(len(vectors))])
    exact, printed = (np.abs(streamed(vectors, printed=flag)[0] - true).max(axis=(1, 2)) for flag in (False, True))
    return exact, printed


def the_vectors(vectors: np.ndarray, title: str, key: str) -> lesson.Picture:
    """The vectors with the coordinate axes."""
    return lesson.Picture(
        figures.cloud(vectors), title, key=f"whitening_derivation_{key}", alt=f"{title}: points in two dimensions"
    )


STEPS: dict[str, Callable[[np.ndarray], lesson.Picture]] = {
    "1 Cosine": basis_step,
    "2 Wanted": wanted_step,
    "3 Solve": solve_step,
    "4 Streaming": streaming_step,
}


def picture() -> Reading:
    """The step that is open."""
    shown = st.container()
    left, right = st.columns(2)
    correlation = left.slider("Correlation", -0.9, 0.9, 0.7, 0.1, key="whitening_derivation_rho", bind="query-params")
    scale = right.slider(
        "Width of the second coordinate", 0.2, 3.0, 0.6, 0.2, key="whitening_derivation_scale", bind="query-params"
    )
    vectors = drawn(correlation, scale)
    with shown:
        steps.walk("whitening_derivation_step", {name: partial(step, vectors) for name, step in STEPS.items()})
    fitted = fit_whitening(vectors)
    white = np.cov(fitted.transform(vectors), rowvar=False)
    exact, printed = errors(vectors)
    return Reading(
        see=f"{SENTENCES} vectors with a correlation of {{rho}} and a second coordinate {{scale}} times as wide as the "
        "first; each step shows what it does to them.",
        theory="isotropy, mean 0 and covariance 1, is a sign of an orthonormal basis, not a proof of one. The linear "
        "map that reaches it is W = UΛ^(−1/2), and dividing by N or N − 1 only scales all vectors alike.",
        measured=f"covariance after whitening: 1 up to {np.abs(white - np.eye(2)).max():.0e} for n = {SENTENCES}; the "
        f"streamed covariance equals the whole one up to {exact[-1]:.0e}. Exact algebra, so there is no interval.",
        apart=f"the paper's equation 11 is not exact with the running mean: off by {printed[-1]:.2f} here.",
        drag={
            "rho": Number("whitening_derivation_rho", spaced(-0.9, 0.9, 0.1), "correlation"),
            "scale": Number("whitening_derivation_scale", spaced(0.2, 3, 0.2), "width of the second coordinate"),
        },
    )


CHAPTER = Chapter(
    question="Where does the formula come from?",
    chinese="各向同性与白化公式的推导 · isotropy",
    lead="Four steps lead from one question, in which basis the formula of the cosine gives the angle, to whitening "
    "and its streaming form.",
    guess=Guess(
        question="how many sentences must be kept in memory to whiten a million of them?",
        answers=("all", "some thousand", "none"),
        right="none",
        because="Mean and covariance are updated with each sentence, exactly: step 4.",
    ),
    picture=picture,
    beside=True,
    good_for="explaining the six lines of code, and fitting a whitening on a stream that fits into no memory.",
    formula=r"W^\top\Sigma W=I,\quad \Sigma=U\Lambda U^\top\ \Rightarrow\ W=U\Lambda^{-1/2}",
    code=CODE,
    reference="Su Jianlin, [[8069]](https://kexue.fm/archives/8069); equation 11: Su et al. (2021), "
    "[arXiv 2103.15316](https://arxiv.org/abs/2103.15316).",
)
