"""Points projected before the eye, and the probability that every distance survives."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures.labs import projected as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.evidence.intervals import proportion_interval
from engine.johnson_lindenstrauss.bounds import jl_dim, success_probability
from engine.johnson_lindenstrauss.pictures import fitted, kept_share, squared_ratios, triangle

SAMPLES = (4, 6, 8, 12, 16)
FRAMES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
DRAWS = 200
CODE = """
import numpy as np
x = np.random.default_rng(0).standard_normal((12, 1000))
n = 200
y = x @ np.random.default_rng(1).standard_normal((1000, n)) / np.sqrt(n)
before, after = ([np.sum((v[i] - v[j]) ** 2) for i in range(12) for j in range(i)] for v in (x, y))
print(min(np.divide(after, before)), max(np.divide(after, before)))
"""


@st.cache_resource(show_spinner=False, max_entries=32)  # a copy of a figure takes longer than drawing it
def drawn(seed: int, eps: float) -> tuple[go.Figure, dict[int, int]]:
    """The moving figure, and how many distances each n keeps."""
    points, images, ratios = triangle(), [], []
    for n in FRAMES:
        matrix = np.random.default_rng([seed, n]).standard_normal((2, n)) / np.sqrt(n)
        after = points @ matrix
        images.append(fitted(after, points))
        ratios.append(squared_ratios(points, after))
    kept = {n: int((np.abs(found - 1) <= eps).sum()) for n, found in zip(FRAMES, ratios, strict=True)}
    figure = figures.projected(points, np.array(images), np.array(ratios), FRAMES, eps=eps, start=5)
    return figure, kept


@st.cache_data(show_spinner=False, max_entries=32)
def shares(n_samples: int, eps: float, seed: int) -> list[tuple[float, float, float, float]]:
    """Share of draws that keep every pair of N points in general position, with Wilson's interval."""
    asked = 24 * np.log(n_samples) / eps**2
    rows = []
    for n in np.unique((asked * np.array([0.06, 0.12, 0.2, 0.3, 0.5, 1.0])).astype(int) + 1):
        hits = kept_share(n_samples, int(n), eps=eps, draws=DRAWS, rng=np.random.default_rng([seed, n]))
        share, low, high, _ = proportion_interval(hits, DRAWS)
        rows.append((float(n), share, low, high))
    return rows


def settings() -> tuple[float, int, int]:
    """Tolerance, number of points and seed."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        eps = st.slider("ε", 0.3, 0.9, 0.5, 0.1, key="jl_projected_eps", bind="query-params", width=180)
        n_samples = st.select_slider("Points N", SAMPLES, 8, key="jl_projected_samples", bind="query-params", width=180)
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_projected_seed", bind="query-params", width=110)
    return eps, n_samples, int(seed)


def show_success(eps: float, n_samples: int, measured: list[tuple[float, float, float, float]]) -> None:
    """Probability that every pair survives: promised, exact and drawn."""
    asked = 24 * np.log(n_samples) / eps**2
    dims = np.unique(np.linspace(2, 1.1 * asked, 80).astype(int))
    promises = {
        "proof: 1 − N(N−1)e^(−ε²n/8)": success_probability(n_samples, dims, eps=eps, exact=False),
        "exact law, added over pairs": success_probability(n_samples, dims, eps=eps),
    }
    lesson.titled(
        figures.success(dims, promises, measured, asked=asked),
        f"How many of {DRAWS} matrices keep all {n_samples * (n_samples - 1) // 2} distances of {n_samples} points?",
        key="jl_projected_success",
        alt="Probability of success against n",
    )


def picture() -> Reading:
    """The points, and how often all distances survive."""
    eps, n_samples, seed = settings()
    figure, kept = drawn(seed, eps)
    lesson.titled(
        figure,
        f"Which squared distances stay within {eps:.0%}? Hollow: before, dotted: those that do not".replace("%", " %"),
        key="jl_projected_moving",
        alt="Points and their projections, joined by lines",
    )
    measured = shares(n_samples, eps, seed)
    show_success(eps, n_samples, measured)
    asked = 24 * np.log(n_samples) / eps**2
    _, share, low, high = measured[-1]
    first = next((row for row in measured if row[1] >= 0.5), measured[-1])
    distances, products = 1 - 1 / n_samples, 1 - 2 / n_samples
    return Reading(
        see=f"within ε = {{eps}}, n = 8 rows keep {kept[8]} of the triangle's 66 distances, n = 64 keep {kept[64]}, "
        f"n = 512 keep {kept[512]}. The second picture draws {{samples}} points in general position.",
        theory=f"above n = 24 ln N / ε² = {asked:.0f} all distances of N = {n_samples} points survive with probability "
        f"at least (N − 1)/N = **{distances:.4g}**, and all inner products of unit vectors with at least (N − 2)/N = "
        f"**{products:.4g}**, because polarisation uses the lemma twice. From 16 ln N / ε² = "
        f"{16 * np.log(n_samples) / eps**2:.0f} on, a matrix that keeps all distances exists.",
        measured=f"at n = {int(measured[-1][0])} a share of **{share:.3f}** kept every distance (95 % interval "
        f"{low:.3f} to {high:.3f}, {DRAWS} draws); n = {int(first[0])} was already enough in more than half of them.",
        apart=f"the promise is an inequality, and a loose one. The exact law asks for "
        f"{int(jl_dim(n_samples, eps=eps)):,} dimensions at probability 1 − 1/N.",
        drag={
            "eps": Number("jl_projected_eps", spaced(0.3, 0.9, 0.1), "tolerance ε"),
            "samples": Number("jl_projected_samples", SAMPLES, "points N"),
        },
    )


def show_optimality() -> None:
    """No map does better than by a constant."""
    eps, n_samples = st.session_state["jl_projected_eps"], st.session_state["jl_projected_samples"]
    st.markdown(
        f"""Not by more than a constant. **Larsen and Nelson (2017)**: for every N and ε (not tiny) there are N points
for which *every* map, linear or not, that keeps all squared distances within 1 ± ε needs at least a constant times
ln N / ε² dimensions. For N = {n_samples:,} and ε = {eps:g} that scale is
ln N / ε² = **{np.log(n_samples) / eps**2:.1f}**. In units of it the post asks for 24, Gaussian matrices
need about 12 for small ε (probability 1 − 1/N), and 8 for existence. Your own data may need fewer: the theorem speaks
of the worst points."""
    )


CHAPTER = Chapter(
    question="Can a random matrix keep a shape?",
    chinese="随机投影眼前看：距离如何保持 · random projection",
    lead="A random matrix with n rows maps twelve points of a triangle: drag n below the picture and watch their "
    "distances settle.",
    guess=Guess(
        question="a million columns instead of a thousand: how many more rows does the matrix need?",
        answers=("a thousand times", "ln 1000 times", "none"),
        right="none",
        because="A Gaussian matrix acts on the span of the N points alone, at most N − 1 dimensions.",
    ),
    picture=picture,
    beside=True,
    good_for="shrinking sparse counts or gradients with a promise for each pair. For small ε the promise asks for more "
    "dimensions than most data have.",
    formula=r"P\big(\text{all pairs within }1\pm\varepsilon\big)\ \ge\ 1-N(N-1)\,e^{-\varepsilon^2n/8}",
    code=CODE,
    reference="Su Jianlin, [[8679]](https://kexue.fm/archives/8679) (lemma, (N−1)/N and (N−2)/N) and "
    "[[8706]](https://kexue.fm/archives/8706); Larsen and Nelson (2017), "
    "[arXiv 1609.02094](https://arxiv.org/abs/1609.02094).",
    more={"Can any other map do with fewer? Optimality": show_optimality},
)
