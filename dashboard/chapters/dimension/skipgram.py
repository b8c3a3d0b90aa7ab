"""Skip-gram on real text: how the vectors improve with their dimension, and where 8.33 ln N lies."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import dimension as figures
from dashboard.frames.numbers import as_number
from dashboard.parts import badges, downloads, headings, plots
from dashboard.parts.labs import stored_table
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.runs import run_picker
from engine.dimension.cooccurrence import NEIGHBOUR_GROUPS

CODE = """
from gensim.models import Word2Vec

for n in (8, 32, 64, 96, 192):                       # texts: lists of words or characters
    model = Word2Vec(texts, vector_size=n, window=4, sg=1, negative=5, min_count=5, seed=0)
    print(n, model.wv.evaluate_word_pairs("pairs.tsv"))
"""
COMMAND = "python -m jobs.dimension skipgram --task tnews"
METRICS = ("share", "held_out", "loss", "neighbours", "norm_product", "seed_pip")


def chosen() -> tuple[str, pl.DataFrame, int] | None:
    """The run, its points and the vocabulary; None after the command that makes one."""
    version = queries.store_version()
    runs = queries.run_list(version, experiment="dimension", task="skipgram")["run_id"]
    stored = [one for one in runs if not queries.measurements(version, "skipgram", run_ids=(one,)).is_empty()]
    if not stored:
        headings.empty(COMMAND, "No skip-gram run is stored yet (a few minutes; with --quick some seconds).")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        named = run_picker.labels(version, [queries.run(version, one) for one in stored])
        run_id = st.selectbox(
            "Run",
            stored,
            format_func=lambda one: named[one],
            key="dimension_skipgram_run",
            bind="query-params",
            width=260,
        )
        frame = queries.measurements(version, "skipgram", run_ids=(run_id,))
        sizes = sorted(frame["vocabulary"].unique())
        size = st.segmented_control(
            "Vocabulary N", sizes, default=sizes[-1], key="dimension_skipgram_size", bind="query-params", required=True
        )
    badges.sample_badge(queries.run(version, run_id)["data_source"])
    return run_id, frame.filter(vocabulary=size), int(size)


def rules_of(run_id: str, size: int) -> dict[str, float]:
    """Dimensions that the candidate rules ask for."""
    frame = queries.measurements(queries.store_version(), "skipgram_rule", run_ids=(run_id,))
    frame = frame if frame.is_empty() else frame.filter(vocabulary=size)
    return {row["rule"]: row["value"] for row in frame.sort("rule").iter_rows(named=True)} if frame.height else {}


def picture() -> Reading | None:
    """Curves of a stored run against the dimension."""
    found = chosen()
    if found is None:
        return None
    run_id, part, size = found
    marks = rules_of(run_id, size)
    columns = st.columns(2)
    for index, metric in enumerate(METRICS[:2]):
        if part.filter(metric=metric).height:
            plots.show(
                figures.saturation(part, metric=metric, rules=marks),
                key=f"dimension_skipgram_{metric}",
                title=figures.bends(figures.SATURATION[metric]),
                alt=f"Skip-gram {metric} against the dimension",
                place=columns[index],
            )
    return reading(part, marks)


def reading(part: pl.DataFrame, marks: dict[str, float]) -> Reading:
    """The words, with the stored points."""
    rows = part.filter(metric="held_out").sort("n_components")
    share = part.filter(metric="share").sort("n_components")
    n, values, shares = rows["n_components"], rows["value"], share["value"]
    best, rule = int(as_number(values.arg_max())), marks.get("8.33 ln N", float("nan"))
    near = int(as_number((n.cast(pl.Float64) - rule).abs().arg_min())) if rule == rule else 0
    low, high = (share[name][near] for name in ("low", "high"))
    splits = words.over(part["n"].max(), "split")
    ends = f"{low:.0%} to {high:.0%} (95 %{splits})" if low is not None else f"a mean{splits}, without an interval"
    beside = f"{shares[near]:.0%} at n = {n[near]}, next to 8.33 ln N = {rule:.1f}"
    way = beside if near == len(n) - 1 else f"{beside}, and {shares[-1]:.0%} at n = {n[-1]}"
    bend = "no corner stands out at the rule."
    if n[-1] <= rule:
        bend = f"the stored dimensions end at {n[-1]}, before the rule, and do not show what happens there."
    return Reading(
        see=f"the share of the training text's mutual information that the vectors keep is {shares[0]:.0%} at n = "
        f"{n[0]}, {way}.".replace("%", " %"),
        theory="if vectors of 8.33 ln N dimensions held all information, the curves would bend there. The PIP loss, "
        "which weighs bias against variance, is the other way to choose n.",
        measured=f"held-out information is largest at n = {n[best]} ({values[best]:.3f} nats), next to the rule it is "
        f"{values[near]:.3f}; the share there is {ends}.".replace("%", " %").replace("  %", " %"),
        apart=bend + " The fitted norms fall with n, where the rule assumes that they do not.",
    )  # fmt: skip


def again() -> tuple[str, pl.DataFrame, int] | None:
    """The run, its points and the vocabulary, as the page above has them."""
    state: dict[str, Any] = {name: st.session_state.get(f"dimension_skipgram_{name}") for name in ("run", "size")}
    run_id, size = state["run"], state["size"]
    if run_id is None:
        headings.empty(COMMAND, "No skip-gram run is stored yet.")
        return None
    frame = queries.measurements(queries.store_version(), "skipgram", run_ids=(run_id,))
    return str(run_id), frame.filter(vocabulary=size), int(size)


def show_other() -> None:
    """Loss, neighbours, norms, and the PIP loss."""
    found = again()
    if found is None:
        return
    run_id, part, size = found
    marks, columns = rules_of(run_id, size), st.columns(2)
    for index, metric in enumerate(name for name in METRICS[2:] if part.filter(metric=name).height):
        plots.show(
            figures.saturation(part, metric=metric, rules=marks if metric in METRICS[:4] else {}),
            key=f"dimension_skipgram_{metric}",
            title=figures.bends(figures.SATURATION[metric]),
            alt=f"Skip-gram {metric} against the dimension",
            place=columns[index % 2],
        )
    pip = queries.measurements(queries.store_version(), "skipgram_pip", run_ids=(run_id,))
    pip = pip if pip.is_empty() else pip.filter(vocabulary=size)
    if "PIP loss" in marks and not pip.is_empty():
        plots.show(
            figures.pip(pip, marks["PIP loss"]),
            key="dimension_skipgram_pip",
            title=f"The simulated PIP loss is least at {marks['PIP loss']:.0f} dimensions",
            alt="Simulated PIP loss against the dimension",
        )
        st.caption("Spectrum and noise are estimated from two halves of the text, the loss is simulated.")


def show_numbers() -> None:
    """All numbers, and the groups that should be neighbours."""
    found = again()
    if found is None:
        return
    run_id, part, _ = found
    titles = {"n_components": "dimensions n", "metric": "measured", "value": "mean", "low": "95 % from", "high": "to"}
    told = part.with_columns(pl.col("metric").replace(figures.SATURATION))
    stored_table.show(told, {**titles, "n": "splits"}, key="dimension_skipgram_table", alt="All measurements")
    downloads.download(part, f"skipgram_{run_id}")
    st.dataframe(
        pl.DataFrame({"group": list(NEIGHBOUR_GROUPS), "characters": list(NEIGHBOUR_GROUPS.values())}),
        key="dimension_skipgram_groups",
        hide_index=True,
        alt="Built-in groups of characters",
    )
    st.code(queries.run(queries.store_version(), run_id)["command"], language="bash", wrap_lines=True)


CHAPTER = Chapter(
    question="Where do word vectors saturate?",
    chinese="词向量维度实验 · skip-gram on real text",
    lead="Character vectors of growing dimension are trained on the texts of a task: if 8.33 ln N were enough, the "
    "curves would bend there.",
    guess=Guess(
        question="what do the curves do at 8.33 ln N?",
        answers=("they bend", "they end", "nothing"),
        right="nothing",
        because="For 1,000 characters the kept share goes 20.5 % (n = 8), 45.8 % (32), 58.1 % (64), 78.8 % (192): a "
        "smooth rise through 57.5, which is 8.33 ln N.",
        measured="on 22 and 23 November 2026",
    ),
    picture=picture,
    good_for="choosing a dimension by held-out loss; 8.33 ln N is an order of magnitude, and Lai et al.'s 50 "
    "dimensions "
    "are another.",
    formula=r"-\ln\sigma(\langle u_i,v_j\rangle)-\sum_k\ln\sigma(-\langle u_i,v_{j_k}\rangle),\qquad "
    r"\text{kept}=\sum_{ij}p(i,j)\ln\frac{q(j|i)}{p(j)}",
    code=CODE,
    reference="Su Jianlin, [[7695]](https://kexue.fm/archives/7695) and [[8711]](https://kexue.fm/archives/8711); "
    "Mikolov "
    "et al. (2013); Levy and Goldberg (2014); PIP loss: Yin and Shen (2018), "
    "[arXiv 1812.04224](https://arxiv.org/abs/1812.04224).",
    more={
        "Loss, neighbours, norms and the PIP loss": show_other,
        "All numbers, and the groups that should be neighbours": show_numbers,
    },
)
