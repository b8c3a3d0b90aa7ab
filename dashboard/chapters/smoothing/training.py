"""Networks trained with smooth activations: a small regression and tiny CLUE encoders, with intervals over seeds."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import smoothing as figures
from dashboard.parts import badges, headings, plots
from dashboard.parts.labs import stored_table
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.evidence.intervals import mean_interval

REGRESSION = "python -m jobs.smoothing train --parts regression"
ENCODER = "python -m jobs.smoothing train --parts encoder --task tnews"
CODE = """
import torch
from torch import nn

for name, act in {"relu": nn.ReLU(), "gelu": nn.GELU(), "softplus": nn.Softplus()}.items():
    torch.manual_seed(0)                               # the same weights and batches for all
    net = nn.Sequential(nn.Linear(8, 64), act, nn.Linear(64, 64), act, nn.Linear(64, 1))
"""


def picture() -> Reading | None:
    """Dot plot of the newest regression."""
    frame = queries.measurements(queries.store_version(), "smoothing_regression", experiment="smoothing")
    if frame.is_empty():
        headings.empty(REGRESSION)
        return None
    frame = frame.filter(pl.col("run_id") == pl.col("run_id").max())
    targets = frame["target"].unique().sort().to_list()
    target = st.segmented_control(
        "Target", targets, default="smooth" if "smooth" in targets else targets[0], key="smoothing_training_target",
        bind="query-params", required=True,
    )  # fmt: skip
    frame = frame.filter(target=target)
    errors = frame.filter(metric="error").sort("value")
    plots.show(
        figures.intervals(errors, label="activation", x="held-out error / variance"),
        key="smoothing_training_errors",
        title="Which activation ends with the lowest held-out error?",
        alt="Held-out errors by activation with intervals",
    )
    learned = frame.filter(metric="width").select("activation", width="value", low="low", high="high")
    if not learned.is_empty():
        st.caption("Widths that were learned:")
        titles = {"activation": "activation", "width": "mean width", "low": "95 % from", "high": "to"}
        stored_table.show(learned, titles, key="smoothing_training_widths", alt="Learned widths by activation")
    return reading(errors, frame.filter(metric="against_first"))


def reading(errors: pl.DataFrame, pairs: pl.DataFrame) -> Reading:
    """The words, with the errors and what differs from ReLU."""
    better = pairs.filter(pl.col("high") < 0).sort("value")["activation"].to_list()
    worse = pairs.filter(pl.col("low") > 0).sort("value")["activation"].to_list()
    first = errors.row(0, named=True)
    told = (
        f"In pairs of seeds, clearly better than ReLU: {', '.join(better) or 'none'}; clearly worse: "
        f"{', '.join(worse) or 'none'}."
        if pairs["low"].count()
        else "Two seeds are too few to tell activations apart."
    )
    return Reading(
        see="`name:width` is a fixed width, `:trainable` lets the width be learned. Dots whose bars overlap much are "
        "not told apart.",
        theory="a smooth activation has a gradient on both sides of 0, so no unit dies; on smooth targets the network "
        "itself is smoother. Neither says how much that is worth.",
        measured=f"best is **{first['activation']}** with {first['value']:.4f}"
        f"{words.interval(first['low'], first['high'], '.4f')}. {words.means(errors['n'].min(), 'seed')}. {told}",
        apart="a small regression says little of large models; the encoders below are tiny as well.",
    )


def encoder_scores(version: str) -> pl.DataFrame | None:
    """Dev scores of tiny encoders that differ in their activation: task, data_source, activation, score."""
    runs = queries.run_list(version, experiment="clue")
    runs = runs.filter(pl.col("status") == "finished", pl.col("model") == "tiny", pl.col("parent_run_id").is_not_null())
    if runs.is_empty():
        return None
    ids = tuple(runs["run_id"].to_list())
    params = queries.params(version, ids).filter(pl.col("name") == "activation")
    names = params.select("run_id", activation=pl.col("value").str.strip_chars('"'))
    judged_by = queries.judged_by(version)
    metrics = pl.DataFrame({"task": list(judged_by), "name": [f"dev/{name}" for name in judged_by.values()]})
    scores = queries.summary(version, ids).select("run_id", "name", score="value")
    known = runs.select("run_id", "task", "data_source")  # a run's own name is no metric's
    frame = known.join(names, on="run_id").join(metrics, on="task").join(scores, on=["run_id", "name"])
    frame = frame.filter(pl.col("activation") != "")
    return None if frame.is_empty() else frame


def show_encoders() -> None:
    """Accuracy of tiny encoders by activation, over the seeds stored."""
    frame = encoder_scores(queries.store_version())
    if frame is None:
        headings.empty(ENCODER, "No encoder was trained this way.")
        return
    task = st.selectbox(
        "Task", frame["task"].unique().sort().to_list(), key="smoothing_training_task", bind="query-params"
    )
    frame = frame.filter(task=task)
    rows = [(name, *mean_interval(part["score"])) for (name,), part in frame.group_by("activation")]
    table = pl.DataFrame(rows, schema=["activation", "value", "low", "high", "seeds"], orient="row")
    table = table.with_columns(pl.when(pl.col("seeds") > 2).then(pl.col(end)).alias(end) for end in ("low", "high"))
    table = table.sort("value", descending=True)
    badges.sample_badge("sample" if "sample" in frame["data_source"].to_list() else None)
    figure = figures.intervals(table, label="activation", x="dev score (the task's metric)")
    plots.show(
        figure.update_xaxes(tickformat=".1~%"),
        key="smoothing_training_encoders",
        title=f"Does the activation change the score on {task}?",
        alt="Score by activation",
    )
    st.caption(f"{words.means(table['seeds'].min(), 'seed')}.")


CHAPTER = Chapter(
    question="Do smooth activations train better?",
    chinese="用光滑激活函数训练 · training with smooth activations",
    lead="A small network learns with each activation from the same data, first weights and batches: which held-out "
    "error is lowest?",
    guess=Guess(
        question="ReLU and twelve smooth activations learn a small regression. Where does ReLU end?",
        answers=("first", "in the middle", "last"),
        right="last",
        because="In our runs it was last on a smooth target (0.230 against 0.102 for SiLU) and on one with kinks "
        "(0.047 "
        "against 0.029). In a tiny encoder no activation could be told from another.",
        measured="on 22 November 2026",
    ),
    picture=picture,
    good_for="not expecting much: differences smaller than the intervals are not differences.",
    formula=r"\hat y=W_3\,g_w(W_2\,g_w(W_1x)),\qquad w\ \text{fixed or learned}",
    code=CODE,
    reference="Su Jianlin, [[8718]](https://kexue.fm/archives/8718); `engine.smoothing.activations`, "
    "`python -m jobs.smoothing train`.",
    more={"Tiny encoders on a CLUE task": show_encoders},
    inside={"smoothing_training_task": "Tiny encoders on a CLUE task"},
)
