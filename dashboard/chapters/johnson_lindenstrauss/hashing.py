"""Sign hashes: the S-curves, the bias of reading signs as a cosine, and its repair."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss_measured as figures
from dashboard.parts import headings, plots
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.evidence.intervals import mean_half_width
from engine.johnson_lindenstrauss import hashing

CODE = """
import numpy as np

A = np.random.default_rng(0).standard_normal((1024, len(v)))
agree = (np.sign(A @ v) == np.sign(A @ w)).mean()                  # share of equal bits
print(2 * agree - 1, np.cos(np.pi * (1 - agree)))                  # biased reading, repaired reading
"""
BITS = (64, 128, 256, 512, 1024, 4096)
COMMAND = "python -m jobs.johnson_lindenstrauss lsh"


def stored(table: str) -> pl.DataFrame:
    """Measurements of one of the job's tables."""
    return queries.measurements(queries.store_version(), table, experiment="johnson_lindenstrauss")


def measured_curve(n_bits: int) -> pl.DataFrame | None:
    """Stored readings with so many bits: cosine, metric, value, n."""
    curve = stored("lsh_curve")
    if curve.is_empty():
        return None
    part = curve.filter(pl.col("n_bits") == n_bits, pl.col("source") == "measured")
    return part.group_by("cosine", "metric").agg(pl.col("value").mean(), pl.col("n").sum()) if part.height else None


@st.cache_data(show_spinner=False, max_entries=64)
def drawn(cosine: float, n_bits: int) -> tuple[float, float, float, int]:
    """Mean repaired and raw reading of random hashes, half of the repaired one's 95 % interval, number of hashes."""
    rng, draws = np.random.default_rng(n_bits), max(40, min(400, 200_000 // n_bits))
    first = rng.standard_normal((draws, n_bits))
    second = cosine * first + np.sqrt(1 - cosine**2) * rng.standard_normal((draws, n_bits))
    agree = ((first > 0) == (second > 0)).mean(axis=1)
    repaired = np.cos(np.pi * (1 - agree))
    return float(repaired.mean()), float((2 * agree - 1).mean()), float(mean_half_width(repaired)), draws


def picture() -> Reading:
    """Raw and repaired reading."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n_bits = st.select_slider("Bits", BITS, 256, key="jl_hash_bits", bind="query-params", width=260)
        cosine = st.slider("True cosine", -0.99, 0.99, 0.77, 0.01, key="jl_hash_cosine", bind="query-params", width=260)
    grid, measured = np.linspace(-0.999, 0.999, 301), measured_curve(n_bits)
    plots.show(
        figures.readings(
            grid, hashing.expected_raw_cosine(grid), hashing.cosine_standard_error(grid, n_bits), measured
        ),
        key="jl_hash_readings",
        title=f"The raw reading of the cosine is off by up to {hashing.WORST_BIAS:.2f}, the repaired one is not",
        alt="Cosine read off a sign hash, raw and repaired",
    )
    if measured is None:
        headings.empty(COMMAND, f"No measurement with {n_bits} bits is stored.")
    raw = float(hashing.expected_raw_cosine(cosine))
    repaired, plain, half, draws = drawn(cosine, n_bits)
    return Reading(
        see=f"two vectors of cosine {{cosine}}, {{bits}} bits each: a bit agrees with probability "
        f"{float(hashing.collision_probability(cosine)):.4f}. The raw reading gives {raw:.4f}, "
        f"**{raw - cosine:+.4f}** off; the repaired one {cosine:.2f} ± "
        f"{float(hashing.cosine_standard_error(cosine, n_bits)):.4f} (one standard error; the band is two).",
        theory=f"the mean product of two signs is 1 − 2θ/π, not cos θ. The reading is worst at cos = √(1 − 4/π²) = "
        f"{hashing.WORST_COSINE:.4f}, by {hashing.WORST_BIAS:.4f}, and more bits do not help. cos(π · Hamming / n) "
        "inverts the curve.",
        measured=f"{draws} random hashes of such a pair: repaired {repaired:.4f} ± {half:.4f} (95 %), raw {plain:.4f}.",
        apart="the repaired reading is unbiased to first order only, and signs of data away from the origin need "
        "centring first.",
        drag={
            "cosine": Number("jl_hash_cosine", spaced(-0.99, 0.99, 0.01), "true cosine", "{:.2f}"),
            "bits": Number("jl_hash_bits", BITS, "bits"),
        },
    )


def show_bands() -> None:
    """The S-curve of banding."""
    bands, grid = stored("lsh_bands"), np.linspace(-0.999, 0.999, 301)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = st.select_slider(
            "Bits of a band", [2, 4, 8, 16, 32], 8, key="jl_hash_rows", bind="query-params", width=260
        )
        count = st.select_slider(
            "Bands", [1, 4, 8, 16, 32, 64, 128], 16, key="jl_hash_bands", bind="query-params", width=300
        )
    agreement = hashing.collision_probability(grid)
    counts = (count, *(other for other in (count // 4, count * 4) if other >= 1))
    shown = {
        f"{words.count(number, 'band')} of {rows} bits": hashing.candidate_probability(
            agreement, rows=rows, bands=number
        )
        for number in counts
    }
    points = bands
    if not bands.is_empty():
        here = (pl.col("rows") == rows, pl.col("bands") == count)
        points = bands.filter(*here, source="measured", metric="candidate").unique("cosine")
    plots.show(
        figures.bands(agreement, grid, shown, points),
        key="jl_hash_scurve",
        title="Which cosines become candidates?",
        alt="S-curves of banding",
    )
    steep = (1 / count) ** (1 / rows)
    at = grid[min(np.searchsorted(agreement, steep), len(grid) - 1)]
    st.markdown(
        f"{words.count(count, 'band')} of {rows} bits take **{count * rows:,} bits**; the curve is steepest near an "
        f"agreement of (1/{count})^(1/{rows}) = {steep:.3f}, a cosine of {at:.2f}."
        + (f" Points: {words.means(points['n'].max(), 'pair').lower()}." if points.height else "")
    )


def show_neighbours() -> None:
    """Searching neighbours by Hamming distance."""
    found = stored("lsh_recall")
    if found.is_empty():
        headings.empty(COMMAND)
        return
    name = st.selectbox("Data", sorted(found["data"].unique()), key="jl_hash_data", bind="query-params", width=240)
    part = found.filter(data=name)
    part = part.filter(pl.col("run_id") == part["run_id"].max())
    plots.show(
        figures.recall(part),
        key="jl_hash_recall",
        title=f"How many true neighbours do the hashes find? Data: {name}",
        alt="Recall of the exact neighbours",
    )
    st.caption(
        "Exact neighbours by cosine of centred vectors; candidates are the nearest codes by Hamming distance. "
        f"{words.means(part['n'].max(), 'search')}."
    )


def show_bits() -> None:
    """How many bits keep all pairs."""
    n_samples = st.number_input("Vectors N", 2, 10**9, 1000, key="jl_hash_samples", bind="query-params", width=160)
    wanted = st.slider(
        "Error of the agreement share", 0.01, 0.2, 0.1, 0.01, key="jl_hash_eps", bind="query-params", width=260
    )
    st.markdown(
        f"**{hashing.bits_for(n_samples, eps=wanted):,} bits** keep all pairs' shares within {wanted:g} with "
        "probability 1 − 1/N (Hoeffding and the union over pairs)."
    )


CHAPTER = Chapter(
    question="Can an angle be read from signs?",
    chinese="局部敏感哈希 · sign hashes",
    lead="The signs of a random projection tell the angle of two vectors, but the post reads the cosine from them "
    "with a bias.",
    guess=Guess(
        question="the reading is off by 0.2. Do four times as many bits help?",
        answers=("yes, to 0.1", "a little", "no"),
        right="no",
        because="It is a bias, not noise: the mean of the sign products is 1 − 2θ/π whatever the number of bits.",
    ),
    picture=picture,
    beside=True,
    good_for="search in memory: 256 bits take 32 bytes. Invert the curve, and centre the data first.",
    formula=r"P(\text{bit agrees})=1-\frac\theta\pi,\qquad "
    r"\mathbb E[\operatorname{sign}\cdot\operatorname{sign}]=\frac2\pi\arcsin\cos\theta\ne\cos\theta",
    code=CODE,
    reference="Charikar (2002); Su Jianlin, [[8706]](https://kexue.fm/archives/8706) (raw reading).",
    more={
        "Bands: the S-curve": show_bands,
        "Searching neighbours": show_neighbours,
        "How many bits for all pairs at once?": show_bits,
    },
    inside={
        "jl_hash_rows": "Bands: the S-curve",
        "jl_hash_bands": "Bands: the S-curve",
        "jl_hash_data": "Searching neighbours",
        "jl_hash_samples": "How many bits for all pairs at once?",
        "jl_hash_eps": "How many bits for all pairs at once?",
    },
)
