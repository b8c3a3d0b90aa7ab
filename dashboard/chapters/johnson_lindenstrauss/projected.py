"""Points projected before the eye, and the probability that every distance survives."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.figures.labs import projected as figures
from dashboard.parts.labs import lesson
from engine.evidence.intervals import proportion_interval
from engine.johnson_lindenstrauss.bounds import jl_dim, success_probability
from engine.johnson_lindenstrauss.pictures import fitted, kept_share, squared_ratios, triangle

TITLE = "Can a random matrix keep a shape?"
SENTENCE = "Twelve points are multiplied by a random matrix with n rows: drag n and watch their distances settle."
CHINESE = "随机投影眼前看：距离如何保持"
NOTE = """The points lie on a triangle inside a space of many columns. After the projection they are drawn in the plane
again, turned to fit. Only the span of the points matters: the number of columns appears nowhere in the lemma."""
FORMULA = r"P\big(\text{all pairs within }1\pm\varepsilon\big)\ \ge\ 1-N(N-1)\,e^{-\varepsilon^2n/8}"
SOURCE = "kexue.fm/archives/8679 (lemma, (N−1)/N and (N−2)/N), 8706 (random projection)"
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


@st.cache_data(show_spinner=False, max_entries=32)
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


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        eps = st.slider("ε", 0.3, 0.9, 0.5, 0.1, key="jl_projected_eps", bind="query-params", width=220)
        n_samples = st.select_slider(
            "Points N", [4, 6, 8, 12, 16], 8, key="jl_projected_samples", bind="query-params", width=220
        )
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_projected_seed", bind="query-params", width=110)
    figure, kept = drawn(seed, eps)
    lesson.titled(
        figure,
        f"Twelve points before (hollow) and after; red: squared distance off by more than {eps:.0%}".replace("%", " %"),
        key="jl_projected_moving",
        alt="Points and their projections, joined by lines",
    )
    lesson.predict(
        "a million columns instead of a thousand: how many more rows does the matrix need?",
        ("a thousand times", "ln 1000 times", "none"),
        right="none",
        because="A Gaussian matrix acts on the span of the N points alone, at most N − 1 dimensions.",
        key="jl_projected_guess",
    )
    st.subheader("How often does every pair survive?", anchor=False)
    measured = shares(n_samples, eps, seed)
    asked = 24 * np.log(n_samples) / eps**2
    dims = np.unique(np.linspace(2, 1.1 * asked, 80).astype(int))
    promises = {
        "proof: 1 − N(N−1)e^(−ε²n/8)": success_probability(n_samples, dims, eps=eps, exact=False),
        "exact law, added over pairs": success_probability(n_samples, dims, eps=eps),
    }
    lesson.titled(
        figures.success(dims, promises, measured, asked=asked),
        f"Share of {DRAWS} matrices that keep all {n_samples * (n_samples - 1) // 2} distances of {n_samples} points",
        key="jl_projected_success",
        alt="Probability of success against n",
    )
    _, share, low, high = measured[-1]
    first = next((row for row in measured if row[1] >= 0.5), measured[-1])
    distances, products = 1 - 1 / n_samples, 1 - 2 / n_samples
    lesson.reading(
        see=f"on the triangle n = 8 keeps {kept[8]} of 66 distances, n = 64 keeps {kept[64]}, n = 512 keeps "
        f"{kept[512]}.",
        theory=f"above n = 24 ln N / ε² = {asked:.0f} all distances of N = {n_samples} points survive with probability "
        f"at least (N − 1)/N = **{distances:.4g}**, and all inner products of unit vectors at least "
        f"(N − 2)/N = **{products:.4g}**, because polarisation uses the lemma twice. From 16 ln N / ε² = "
        f"{16 * np.log(n_samples) / eps**2:.0f} on, some matrix exists.",
        measured=f"at n = {int(measured[-1][0])} a share of **{share:.3f}** kept every distance (95 % interval "
        f"{low:.3f} to {high:.3f}, {DRAWS} draws); n = {int(first[0])} was already enough in more than half of them.",
        apart=f"the promise is an inequality, and a loose one. The exact law asks for "
        f"{int(jl_dim(n_samples, eps=eps)):,} dimensions at probability 1 − 1/N.",
    )
    st.subheader("Can any other map do with fewer?", anchor=False)
    st.markdown(
        f"""Not by more than a constant. **Larsen and Nelson (2017)**: for every N and ε (not tiny) there are N points
for which *every* map, linear or not, that keeps all squared distances within 1 ± ε needs at least a constant times
ln N / ε² dimensions. For N = {n_samples:,} and ε = {eps:g} that scale is ln N / ε² = **{asked / 24:.1f}**.
In units of it the post asks for 24, Gaussian matrices need about 12 for small ε (probability 1 − 1/N), and 8 for
existence. Your own data may need fewer: the theorem speaks of the worst points."""
    )
    paper = "Larsen and Nelson (2017), [arXiv 1609.02094](https://arxiv.org/abs/1609.02094)"
    lesson.take_along(CODE, reference=f"{paper}; Su Jianlin, kexue.fm/archives/8679.")
