"""Too few sentences for the width: what a whitening fitted on them can tell."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures.labs import whitening_circle as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.embeddings.few_sentences import cosine_spread, whitened_cosines

CODE = """
import numpy as np

x = np.random.default_rng(0).standard_normal((60, 64))              # 60 sentences of width 64
u = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[0][:, :59]
u /= np.linalg.norm(u, axis=1, keepdims=True)
print((u @ u.T)[np.triu_indices(60, 1)].std())                      # 0: all pairs have one cosine
"""


@st.cache_resource(show_spinner=False, max_entries=16)
def few(width: int) -> tuple[go.Figure, float, float]:
    """Spread of cosines against the number of sentences; the largest spread up to width + 1, and at eight times it."""
    counts = sorted({max(3, round(width * share)) for share in (0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8)} | {width + 1})
    rng = np.random.default_rng(0)
    drawn = [float(whitened_cosines(rng.standard_normal((n, width))).std()) for n in counts]
    grid = sorted({*counts, *np.geomspace(counts[0], counts[-1], 80).astype(int).tolist()})
    figure = figures.few_sentences(grid, [cosine_spread(n, width) for n in grid], counts, drawn, width)
    return figure, max(value for n, value in zip(counts, drawn, strict=True) if n <= width + 1), drawn[-1]


def picture() -> Reading:
    """Spread of the cosines against the number of sentences."""
    width = st.slider("Width of the vectors", 8, 96, 64, 8, key="whitening_few_width", bind="query-params")
    figure, few_spread, many_spread = few(width)
    lesson.titled(
        figure,
        f"Up to {width + 1} sentences all whitened cosines are equal",
        key="whitening_few_spread",
        alt="Standard deviation of whitened cosines against the number of sentences",
    )
    return Reading(
        see=f"for vectors of width {{width}} there is no spread at all up to {width + 1} sentences; then it "
        f"rises towards "
        f"1/√{width} = {width**-0.5:.3f}.",
        theory=f"the spread is √(1/d − 1/(n−1)) for n > d + 1 = {width + 1} Gaussian vectors, and 0 below: up to there "
        f"the whitened sentences are the corners of a regular simplex, and each pair has the cosine −1/(n−1).",
        measured=f"one random set for each number of sentences (n = 1 each, no interval): at most {few_spread:.1e} "
        f"up to "
        f"{width + 1} sentences, {many_spread:.4f} at {8 * width} (law {cosine_spread(8 * width, width):.4f}).",
        apart="real vectors are not Gaussian: above the width their spread differs, below it is 0 all the same.",
        drag={"width": Number("whitening_few_width", range(8, 97, 8), "width of the vectors")},
    )


CHAPTER = Chapter(
    question="How many sentences does the covariance need?",
    chinese="句子太少时的白化 · fewer sentences than dimensions",
    lead="Whitening that is fitted on no more sentences than dimensions says nothing: it gives every pair of them the "
    "same cosine.",
    guess=Guess(
        question="vectors of width 64: from how many sentences on do the whitened cosines differ at all?",
        answers=("3", "66", "768"),
        right="66",
        because="Up to width + 1 = 65 sentences become the corners of a regular simplex: all pairs have one cosine.",
    ),
    picture=picture,
    beside=True,
    good_for="a rule: take many more sentences than dimensions (BERT: 768), or keep fewer components than sentences.",
    formula=r"\operatorname{sd}(\cos)\approx\sqrt{\tfrac1d-\tfrac1{n-1}}\ (n>d+1),\qquad 0\ (n\le d+1)",
    code=CODE,
    reference="Su Jianlin, [[8069]](https://kexue.fm/archives/8069) and its comments; the law is derived here "
    "(`engine.embeddings.few_sentences`).",
)
