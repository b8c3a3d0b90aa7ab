"""How random vectors become perpendicular: sampled angles, their exact density, and the largest cosine."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import johnson_lindenstrauss as figures
from dashboard.parts import plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.evidence.intervals import proportion_interval
from engine.johnson_lindenstrauss import angles

CODE = """
import numpy as np

n = 768
u, v = np.random.default_rng(0).standard_normal((2, 20_000, n))
cos = (u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
print(np.degrees(np.arccos(cos)).std(), 57.3 / n**0.5)          # about 2.07 twice
"""
DIMENSIONS = (2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 768, 1024, 4096)
SAMPLED = 20_000
DRAWS = 9
MOST = 150_000  # random numbers a draw of many vectors: keeps the slider quick


@st.cache_data(show_spinner=False, max_entries=32)
def sampled(n: int, seed: int) -> np.ndarray:
    """Angles of random pairs in degrees."""
    cosines = angles.sample_cosines(SAMPLED, n=n, rng=np.random.default_rng(seed))
    return np.asarray(np.degrees(np.arccos(cosines)))


@st.cache_data(show_spinner=False)
def spread() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Quantiles of the angle in degrees over dimensions."""
    dims = np.unique(np.geomspace(2, 4096, 60).astype(int))
    names = ("0.01", "0.05", "0.25", "0.75", "0.95", "0.99")
    return dims, {q: np.degrees([angles.angle_quantile(float(q), n=int(n)) for n in dims]) for q in names}


@st.cache_data(show_spinner=False, max_entries=64)
def largest_drawn(n: int, seed: int) -> list[tuple[int, float, float, float]]:
    """Largest |cos| among N random vectors: N, median, smallest and largest of some draws."""
    rng, rows = np.random.default_rng([seed, n]), []
    for count in (10, 30, 100, 300):
        if count * n > MOST:
            break
        found = []
        for _ in range(DRAWS):
            vectors = rng.standard_normal((count, n))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            found.append(float(np.abs(vectors @ vectors.T)[np.triu_indices(count, 1)].max()))
        rows.append((count, float(np.median(found)), min(found), max(found)))
    return rows


def within(n: int, found: np.ndarray) -> str:
    """How many pairs lie within one and two times 57°/√n of 90°: exact, and sampled with its interval."""
    parts = []
    for times in (1, 2):
        reach = min(times * np.degrees(1 / np.sqrt(n)), 90.0)
        exact = 1 - float(angles.cosine_tail(n, threshold=np.sin(np.radians(reach)))) if reach < 90 else 1.0
        _, low, high, _ = proportion_interval(int((np.abs(found - 90) <= reach).sum()), len(found))
        parts.append(f"**{exact:.1%}** of pairs lie within {reach:.3g}° of 90° (sampled: {low:.1%} to {high:.1%})")
    text = f"At n = {n}, {parts[0]} and {parts[1]}; the intervals hold 95 % over {len(found):,} pairs."
    return text.replace("%", " %").replace("  %", " %")


def show_angles(n: int, found: np.ndarray) -> None:
    """Density of one angle, and its bands against n."""
    half = min(90.0, 5.5 * np.degrees(np.sqrt(angles.angle_variance(n))))
    grid = np.linspace(90 - half, 90 + half, 400)
    exact = angles.angle_density(np.radians(grid), n=n) * np.pi / 180
    normal = angles.angle_density_normal(np.radians(grid), n=n) * np.pi / 180 if n > 2 else None
    left, right = st.columns(2)
    plots.show(
        figures.angles(found, grid, exact, normal),
        key="jl_angles_density",
        title=f"At n = {n} one standard deviation of the angle is {np.degrees(np.sqrt(angles.angle_variance(n))):.3g}°",
        alt="Density of the angle",
        place=left,
    )
    plots.show(
        figures.spread_by_dimension(*spread()),
        key="jl_angles_spread",
        title="The more dimensions, the nearer to 90°",
        alt="Bands of the angle against n",
        place=right,
    )


def picture() -> Reading:
    """Sampled angles beside their exact density."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.select_slider("Dimensions n", DIMENSIONS, 16, key="jl_angles_n", bind="query-params", width=420)
        seed = st.number_input("Seed", 0, 10_000, 0, key="jl_angles_seed", bind="query-params", width=120)
    found = sampled(n, int(seed))
    show_angles(n, found)
    with st.container(horizontal=True):
        st.metric("Standard deviation, exact", f"{np.degrees(np.sqrt(angles.angle_variance(n))):.3f}°")
        st.metric(f"of {SAMPLED:,} sampled pairs", f"{found.std():.3f}°")
        st.metric("P(|cos| ≥ 0.1)", f"{float(angles.cosine_tail(n, threshold=0.1)):.4g}")
        st.metric("sampled", f"{np.mean(np.abs(np.cos(np.radians(found))) >= 0.1):.4g}")
    return Reading(
        see=f"in {{n}} dimensions the angles of random pairs crowd around 90°, with a standard deviation of about "
        f"57°/√n = {57.3 / n**0.5:.3g}°.",
        theory="the density is proportional to sinⁿ⁻²θ, its variance ψ₁(n/2)/2, near 1/n: about 68 % of pairs lie "
        "within "
        "57°/√n of 90°, about 95 % within 112°/√n.",
        measured=within(n, found),
        apart="for n below about 10 the density is not normal: in the plane every angle is equally likely.",
        drag={"n": Number("jl_angles_n", DIMENSIONS, "dimensions n")},
    )


def show_largest() -> None:
    """The least perpendicular pair of many vectors."""
    n, seed = int(st.session_state["jl_angles_n"]), int(st.session_state["jl_angles_seed"])
    samples, chosen = np.geomspace(10, 1e7, 50), max(n, 8)
    shown = sorted({64, 128, 256, 768, chosen})
    plots.show(
        figures.largest_cosine(
            samples,
            {value: angles.max_cosine(samples, n=value) for value in shown},
            np.sqrt(4 * np.log(samples) / chosen),
            chosen,
            largest_drawn(chosen, seed),
        ),
        key="jl_angles_largest",
        title="How similar are the two most similar of N random vectors?",
        alt="Largest cosine among N random vectors",
    )
    st.caption(
        "The dotted rule √(4 ln N / n) comes from the union bound and lies above the median; the curves solve "
        f"pairs · ln(1 − P(|cos| ≥ c)) = ln ½ with the exact law. Points: medians of {DRAWS} draws made now, bars: "
        "their range."
    )


CHAPTER = Chapter(
    question="At what angle do random vectors meet?",
    chinese="随机向量几乎正交 · nearly orthogonal vectors",
    lead="In many dimensions nearly all random directions are nearly perpendicular: that is why a random matrix is "
    "nearly orthogonal.",
    guess=Guess(
        question="two random vectors of 768 dimensions. How far from 90° do two thirds of such pairs stay?",
        answers=("2°", "10°", "30°"),
        right="2°",
        because="The standard deviation is 57°/√768 = 2.07°.",
    ),
    picture=picture,
    good_for="a yardstick for cosines: in 768 dimensions a cosine of 0.1 is nearly three standard deviations from "
    "chance.",
    formula=r"p_n(\theta)=\frac{\Gamma(n/2)}{\Gamma(\frac{n-1}2)\sqrt\pi}\sin^{n-2}\theta,\qquad "
    r"\operatorname{Var}\theta=\tfrac12\psi_1(n/2)\approx\tfrac1n",
    code=CODE,
    reference="Su Jianlin, [[7076]](https://kexue.fm/archives/7076), used by [[8679]](https://kexue.fm/archives/8679).",
    more={"The least perpendicular pair of many vectors": show_largest},
)
