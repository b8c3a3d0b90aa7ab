"""Sign hashes: the S-curves, the bias of reading signs as a cosine, and its repair."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import johnson_lindenstrauss_measured as figures
from dashboard.parts import headings, plots
from engine.johnson_lindenstrauss import hashing

TITLE = "Can an angle be read from signs?"
SENTENCE = "n signs of a random projection give the angle of two vectors, if one reads them rightly."
CHINESE = "局部敏感哈希"
NOTE = """Keep only the signs of a random projection: n bits a vector. Two vectors at angle θ agree in a bit with
probability 1 − θ/π. The post takes the mean product of the signs for the cosine. **That reading is biased**, by up to
0.21: its mean is 1 − 2θ/π. The repair inverts the curve, cos(π · Hamming / n), and costs nothing."""
FORMULA = (
    r"P(\text{bit agrees}) = 1-\frac{\theta}{\pi}, \qquad "
    r"\mathbb{E}[\operatorname{sign}\cdot\operatorname{sign}] = \frac{2}{\pi}\arcsin\cos\theta \ne \cos\theta"
)
SOURCE = "Charikar (2002); kexue.fm/archives/8706 (raw reading)"
COMMAND = "python -m jobs.johnson_lindenstrauss lsh"


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    curve = queries.measurements(version, "lsh_curve", experiment="johnson_lindenstrauss")
    bands = queries.measurements(version, "lsh_bands", experiment="johnson_lindenstrauss")
    found = queries.measurements(version, "lsh_recall", experiment="johnson_lindenstrauss")
    grid = np.linspace(-0.999, 0.999, 301)
    st.header("Raw and repaired", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n_bits = st.select_slider(
            "Bits", [64, 128, 256, 512, 1024, 4096], 256, key="jl_hash_bits", bind="query-params", width=300
        )
        cosine = st.slider("True cosine", -0.99, 0.99, 0.77, 0.01, key="jl_hash_cosine", bind="query-params", width=300)
    measured = None
    if not curve.is_empty():
        part = curve.filter(pl.col("n_bits") == n_bits, pl.col("source") == "measured")
        measured = (
            part.group_by("cosine", "metric").agg(pl.col("value").mean(), pl.col("n").sum()) if part.height else None
        )
    left, right = st.columns([3, 2])
    with left:
        plots.show(
            figures.readings(
                grid, hashing.expected_raw_cosine(grid), hashing.cosine_standard_error(grid, n_bits), measured
            ),
            key="jl_hash_readings",
            alt="Cosine read off a sign hash, raw and repaired",
        )
    with right:
        raw = float(hashing.expected_raw_cosine(cosine))
        st.metric("One bit agrees with probability", f"{float(hashing.collision_probability(cosine)):.4f}")
        st.metric(
            "Raw reading (as the post reads it)",
            f"{raw:.4f}",
            f"{raw - cosine:+.4f} bias",
            delta_color="off",
            delta_arrow="off",
        )
        error = float(hashing.cosine_standard_error(cosine, n_bits))
        st.metric(
            "Repaired reading", f"{cosine:.4f}", f"± {error:.4f} standard error", delta_color="off", delta_arrow="off"
        )
        st.caption(
            f"The raw reading is worst at cos = √(1 − 4/π²) = {hashing.WORST_COSINE:.4f}, by {hashing.WORST_BIAS:.4f}; "
            "more bits do not help. Signs of data away from the origin need centring first."
        )
    if measured is not None:
        st.caption(f"Points: means{words.over(measured['n'].max(), 'pair')} each; band: ± 2 exact standard errors.")
    else:
        headings.empty(COMMAND, f"No measurement with {n_bits} bits is stored.")
    st.header("Bands: the S-curve", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = st.select_slider(
            "Bits of a band", [2, 4, 8, 16, 32], 8, key="jl_hash_rows", bind="query-params", width=260
        )
        count = st.select_slider(
            "Bands", [1, 4, 8, 16, 32, 64, 128], 16, key="jl_hash_bands", bind="query-params", width=300
        )
    agreement = hashing.collision_probability(grid)
    shown = {f"{count} bands of {rows} bits": hashing.candidate_probability(agreement, rows=rows, bands=count)}
    shown |= {
        f"{other} bands of {rows} bits": hashing.candidate_probability(agreement, rows=rows, bands=other)
        for other in (count // 4, count * 4)
        if other >= 1
    }
    points = bands
    if not bands.is_empty():
        points = bands.filter(
            pl.col("rows") == rows,
            pl.col("bands") == count,
            pl.col("source") == "measured",
            pl.col("metric") == "candidate",
        ).unique("cosine")
    plots.show(figures.bands(agreement, grid, shown, points), key="jl_hash_scurve", alt="S-curves of banding")
    st.markdown(
        f"{count} bands of {rows} bits take **{count * rows:,} bits**; the curve is steepest near an agreement of "
        f"(1/{count})^(1/{rows}) = {(1 / count) ** (1 / rows):.3f}."
        + (f" Points: shares{words.over(points['n'].max(), 'pair')} with 95 % intervals." if points.height else "")
    )
    st.header("Searching neighbours", anchor=False)
    if found.is_empty():
        headings.empty(COMMAND)
    else:
        name = st.selectbox("Data", sorted(found["data"].unique()), key="jl_hash_data", bind="query-params", width=240)
        part = found.filter(data=name)
        part = part.filter(pl.col("run_id") == part["run_id"].max())
        plots.show(figures.recall(part), key="jl_hash_recall", alt="Recall of the exact neighbours")
        st.caption(
            f"Exact neighbours by cosine of centred vectors; candidates are the nearest codes by Hamming "
            "distance. Bands: "
            f"95 % intervals{words.over(part['n'].max(), 'search')}."
        )
    with st.expander("How many bits for all pairs at once?"):
        n_samples = st.number_input("Vectors N", 2, 10**9, 1000, key="jl_hash_samples", bind="query-params", width=160)
        wanted = st.slider(
            "Error of the agreement share", 0.01, 0.2, 0.1, 0.01, key="jl_hash_eps", bind="query-params", width=260
        )
        st.markdown(
            f"**{hashing.bits_for(n_samples, eps=wanted):,} bits** keep all pairs' shares within {wanted:g} with "
            "probability 1 − 1/N (Hoeffding and the union over pairs)."
        )
