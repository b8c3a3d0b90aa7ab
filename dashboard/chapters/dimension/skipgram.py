"""Skip-gram on real text: how the vectors improve with their dimension, and where 8.33 ln N lies."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import dimension as figures
from dashboard.parts import badges, downloads, headings, plots
from engine.dimension.cooccurrence import NEIGHBOUR_GROUPS

TITLE = "Where do word vectors saturate?"
SENTENCE = "Skip-gram vectors of growing dimension on the texts of a CLUE task: is there a bend at 8.33 ln N?"
CHINESE = "词向量维度实验"
NOTE = """Character vectors are trained by skip-gram with negative sampling on the texts of a CLUE task, for growing
dimensions. Each point is a mean over splits of the texts into training and held-out ones. If 8.33 ln N were the
dimension at which vectors know what there is to know, the curves would bend there."""
FORMULA = (
    r"-\ln\sigma(\langle u_i,v_j\rangle)-\sum_k\ln\sigma(-\langle u_i,v_{j_k}\rangle), \qquad "
    r"\text{kept}=\sum_{ij}p(i,j)\ln\frac{q(j|i)}{p(j)}"
)
SOURCE = "Mikolov et al. (2013); Levy and Goldberg (2014); PIP loss: Yin and Shen (2018), arXiv 1812.04224"
COMMAND = "python -m jobs.dimension skipgram --task tnews"
METRICS = ("share", "held_out", "loss", "neighbours", "norm_product", "seed_pip")


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    runs = queries.run_list(version, experiment="dimension", task="skipgram")
    stored = [r for r in runs["run_id"] if not queries.measurements(version, "skipgram", run_ids=(r,)).is_empty()]
    if not stored:
        headings.empty(COMMAND, "No skip-gram run is stored yet (a few minutes; with --quick some seconds).")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = st.selectbox("Run", stored, key="dimension_skipgram_run", bind="query-params", width=260)
        frame = queries.measurements(version, "skipgram", run_ids=(run_id,))
        sizes = sorted(frame["vocabulary"].unique())
        size = (
            st.segmented_control(
                "Vocabulary N", sizes, default=sizes[-1], key="dimension_skipgram_size", bind="query-params"
            )
            or sizes[-1]
        )
    run = queries.run(version, run_id)
    badges.sample_badge(run["data_source"])
    rules = queries.measurements(version, "skipgram_rule", run_ids=(run_id,)).filter(vocabulary=size)
    marks = {row["rule"]: row["value"] for row in rules.sort("rule").iter_rows(named=True)}
    part = frame.filter(vocabulary=size)

    def outcome() -> str:
        """The sentence that the stored points support."""
        rows = part.filter(metric="held_out").sort("n_components")
        n, values = rows["n_components"], rows["value"]
        best = int(values.arg_max())
        rule = marks.get("8.33 ln N", float("nan"))
        near = int((n.cast(pl.Float64) - rule).abs().arg_min())
        share = part.filter(metric="share").sort("n_components")["value"]
        text = f"""Held-out information is largest at n = {n[best]} ({values[best]:.3f} nats); at n = {n[near]}, next to
8.33 ln N = {rule:.1f}, it is {values[near]:.3f}. The share of the training text's mutual information goes from
{share[0]:.0%} at n = {n[0]} through {share[near]:.0%} at n = {n[near]} to {share[-1]:.0%} at n = {n[-1]}."""
        return text.replace("%", " %")

    st.markdown(outcome())
    st.caption(f"Points: means{words.over(part['n'].max(), 'split')} of the texts; bands: 95 % intervals over them.")
    columns = st.columns(2)
    for index, metric in enumerate(METRICS):
        if part.filter(metric=metric).is_empty():
            continue
        with columns[index % 2]:
            plots.show(
                figures.saturation(part, metric=metric, rules=marks if metric in METRICS[:4] else {}),
                key=f"dimension_skipgram_{metric}",
                alt=f"Skip-gram {metric} against the dimension",
            )
    pip = queries.measurements(version, "skipgram_pip", run_ids=(run_id,))
    pip = pip if pip.is_empty() else pip.filter(vocabulary=size)
    if "PIP loss" in marks and not pip.is_empty():
        st.subheader("PIP loss of a factorised positive PMI", anchor=False)
        plots.show(
            figures.pip(pip, marks["PIP loss"]),
            key="dimension_skipgram_pip",
            alt="Simulated PIP loss against the dimension",
        )
        st.caption(
            "Bias against variance: spectrum and noise are estimated from two halves of the text, the "
            "loss is simulated."
        )
    with st.expander("The groups that should be neighbours"):
        st.dataframe(
            pl.DataFrame({"group": list(NEIGHBOUR_GROUPS), "characters": list(NEIGHBOUR_GROUPS.values())}),
            key="dimension_skipgram_groups",
            hide_index=True,
            alt="Built-in groups of characters",
        )
    with st.expander("All numbers"):
        st.dataframe(frame, key="dimension_skipgram_table", hide_index=True, alt="All measurements")
        downloads.download(frame, f"skipgram_{run_id}")
    st.code(run["command"], language="bash", wrap_lines=True)
