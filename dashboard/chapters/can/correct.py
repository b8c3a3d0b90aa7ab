"""CAN on the predictions of a stored run: sliders, what they change, on which rows, and whether it means anything."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import can as figures
from dashboard.frames.labs import can_predictions
from dashboard.parts import badges, downloads, headings, links, plots
from dashboard.parts.labs import can_correction
from dashboard.parts.runs import run_picker
from engine.can import correct
from engine.can.evaluation import accuracy_by_uncertainty, evaluate
from engine.can.methods import can_probs, neighbour_probs, score_methods

TITLE = "What does CAN change in a run?"
SENTENCE = (
    "Predictions that are unsure are moved so that the mix of classes fits the known frequencies; below is "
    "what that does to one run."
)
CHINESE = "用先验分布修正不确定的预测"
NOTE = """Predictions that are sure of themselves stay as they are. An **uncertain** one is changed so that, together
with the confident ones, the mix of predicted classes moves towards the known class frequencies: nine of ten questions
are answered and nobody said D, so the tenth is probably D. It can help only if uncertain rows really are worse, and if
the classifier's class mix is off. With one alternation, for an uncertain row $b$, the sums $S$ over the confident rows
and the class frequencies $q$:"""
FORMULA = (
    r"b_c \;\leftarrow\; \frac{1}{Z}\, q_c \, \frac{b_c^{\alpha}}{S_c + b_c^{\alpha}}, \qquad "
    r"S_c = \sum_{i\,\text{confident}} A_{ic}^{\alpha}"
)
SOURCE = (
    "[Jia et al., 2021](https://arxiv.org/abs/2109.13449); [kexue.fm/archives/8728](https://kexue.fm/archives/8728)"
)
PRIORS = {"train": "training labels", "uniform": "uniform", "dev": "dev labels (peeking)"}
COMMAND = "python -m jobs.clue --task tnews --model ngram"


def prefer_classification(version: str) -> None:
    """Without a run in the link, start where most happens: the task of most classes, its newest run."""
    tasks = {
        name: len(spec.labels)
        for name, spec in queries.task_specs(version).items()
        if spec.kind in ("classification", "pair")
    }
    found = queries.run_list(version, experiment="clue").filter(
        pl.col("task").is_in(list(tasks)), pl.col("status") == "finished"
    )
    if "can_run" not in st.query_params and found.height:
        runs = found.select("run_id", "task").rows()  # newest first; max keeps the first of equals
        st.query_params["can_run"] = max(runs, key=lambda run: tasks[run[1]])[0]


@st.cache_resource(show_spinner=False, max_entries=8)
def load(version: str, run_id: str) -> can_predictions.Lab | str:
    """The run's predictions, or the reason why there are none to correct."""
    stored = queries.artifacts(version, run_id)
    if "probabilities-dev.parquet" not in stored["name"].to_list():
        return "This run stored no class probabilities: CAN needs a classification or pair task."
    facts = queries.measurements(version, "task_facts", run_ids=(run_id,))
    counts = facts.filter(split="train", metric="count") if {"split", "label"} <= set(facts.columns) else facts
    if "label" not in counts.columns:
        counts = pl.DataFrame(schema={"label": pl.String, "value": pl.Float64})
    try:
        return can_predictions.build(
            queries.probabilities(version, run_id),
            queries.predictions(version, run_id),
            counts.select("label", "value"),
        )
    except ValueError as error:
        return str(error)


def settings(lab: can_predictions.Lab) -> dict[str, object]:
    """The sliders."""
    m = len(lab.names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        highest = min(10, m - 1) if m > 2 else 2
        k = 2
        if highest > 2:
            k = st.slider("k", 2, highest, min(3, highest), key="can_k", bind="query-params", width=130)
        threshold = st.slider("Threshold", 0.0, 1.0, 0.9, 0.01, key="can_threshold", bind="query-params", width=150)
        alpha = st.slider("α", 0.1, 3.0, 1.0, 0.1, key="can_alpha", bind="query-params", width=130)
        iterations = st.slider("Iterations", 1, 5, 1, key="can_iterations", bind="query-params", width=120)
        prior = st.selectbox(
            "Class prior",
            list(lab.priors),
            format_func=lambda name: PRIORS[name],
            key="can_prior",
            bind="query-params",
            width=180,
        )
    return {"k": k, "threshold": threshold, "alpha": alpha, "iterations": iterations, "prior": prior}


@st.cache_resource(show_spinner="Computing the other methods …", max_entries=16)
def neighbours(version: str, run_id: str, prior: str) -> dict[str, np.ndarray]:
    """Temperature, EM, Sinkhorn and logit adjustment: independent of the sliders."""
    lab = load(version, run_id)
    assert isinstance(lab, can_predictions.Lab)
    return neighbour_probs(lab.probs, lab.labels, lab.priors[prior], rng=np.random.default_rng(0))


def show_methods(
    lab: can_predictions.Lab, chosen: dict[str, object], unsure: np.ndarray, version: str, run_id: str
) -> None:
    """CAN in one table with what else could be done with the same predictions."""
    st.subheader("Beside its neighbours", anchor=False)
    if not st.toggle("Compute them on these predictions", key="can_methods", bind="query-params"):
        st.caption("Temperature scaling, EM for label shift, Sinkhorn scaling and logit adjustment, a second or two.")
        return
    own = {name: value for name, value in chosen.items() if name != "prior"}
    corrected = can_probs(lab.probs, lab.priors[chosen["prior"]], **own)
    corrected |= neighbours(version, run_id, str(chosen["prior"]))
    scores = score_methods(lab.probs, lab.labels, corrected, touched=unsure)
    frame = can_correction.show_methods(scores)
    downloads.download(frame, f"can_methods_{run_id}")


def show_published(version: str) -> None:
    """The post's four pairs of scores, to stand beside what this run gained."""
    papers = queries.published(version, "can").filter(metric="accuracy")
    rows = can_predictions.published(papers) if papers.height else papers
    if rows.is_empty():
        return
    st.subheader("Published beside it", anchor=False)
    helped = rows.filter(pl.col("rows") > 0).height
    st.markdown(
        f"The post reports {rows.height} pairs of dev scores (k 3, threshold 0.9, α 1, one iteration, no intervals): "
        f"CAN helped in {helped}, by at most {rows['points'].max():+.2f} points. Those are "
        f"{rows['rows'].min():+d} to {rows['rows'].max():+d} rows, so read them as signs, not as sizes."
    )
    formats = {name: st.column_config.NumberColumn(format="%.2f") for name in ("before %", "with CAN %")}
    st.dataframe(
        rows,
        key="can_published",
        hide_index=True,
        column_config=formats | {"points": st.column_config.NumberColumn(format="%+.2f")},
        alt="Published accuracies before and after CAN",
    )


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    prefer_classification(version)
    run_id = run_picker.pick_run("clue", "can_run")
    if run_id is None:
        headings.empty(COMMAND, "No run with predictions is stored yet.")
        links.chapter_link("can", "steps", "CAN step by step", icon=":material/school:")
        links.chapter_link("can", "simulation", "When does it help?", icon=":material/query_stats:")
        st.stop()
    badges.sample_badge(queries.run(version, run_id)["data_source"])
    lab = load(version, run_id)
    if isinstance(lab, str):
        st.info(lab, icon=":material/info:")
        headings.empty(COMMAND, "Choose another run above, or make one.")
        st.stop()
    chosen = settings(lab)
    if len(lab.names) == 2:
        st.info(
            "Two classes: only k = 2 exists and an uncertain row is one near 0.5, so CAN can only move "
            "that threshold a "
            "little towards the rarer class. Expect next to nothing.",
            icon=":material/info:",
        )
    prior = lab.priors[chosen["prior"]]
    uncertainty = correct.top_k_entropy(lab.probs, k=chosen["k"])
    unsure = uncertainty >= chosen["threshold"]
    with st.spinner(f"Correcting {int(unsure.sum()):,} uncertain rows ..."):  # several iterations can take a second
        after = correct.alternating_normalization(
            lab.probs,
            prior,
            k=chosen["k"],
            threshold=chosen["threshold"],
            alpha=chosen["alpha"],
            iterations=chosen["iterations"],
        )
    before = lab.probs.argmax(axis=1)
    gain = evaluate(
        lab.labels,
        before,
        after.argmax(axis=1),
        n_classes=len(lab.names),
        touched=unsure,
    )
    can_correction.show_gain(gain)
    left, right = st.columns(2)
    bins = accuracy_by_uncertainty(uncertainty, before == lab.labels)
    with left:
        st.subheader("How uncertain?", anchor=False)
        plots.show(
            figures.uncertainty_histogram(bins, threshold=chosen["threshold"]),
            key="can_histogram",
            alt="Rows by uncertainty, right and wrong",
        )
    with right:
        st.subheader("Are uncertain rows worse?", anchor=False)
        plots.show(
            figures.accuracy_by_uncertainty(bins, threshold=chosen["threshold"], overall=gain.accuracy_before.value),
            key="can_assumption",
            alt="Accuracy by uncertainty with intervals",
        )
    can_correction.show_assumption(gain)
    mix = can_predictions.class_mix(lab, prior, after)
    st.subheader("Class mix", anchor=False)
    if mix.height < len(lab.names):
        st.caption(f"The {mix.height} of {len(lab.names)} classes whose share moves most.")
    plots.show(figures.class_mix(mix), key="can_mix", alt="Share of each class in prior, labels and predictions")
    can_correction.show_flips(lab, after, uncertainty, run_id)
    show_published(version)
    show_methods(lab, chosen, unsure, version, run_id)
    st.divider()
    with st.container(horizontal=True):
        links.chapter_link("can", "sweep", "Every setting: the sweep", icon=":material/grid_on:", can_run=run_id)
        links.chapter_link("can", "steps", "The idea, step by step", icon=":material/school:")
        links.chapter_link("can", "simulation", "When does it help?", icon=":material/query_stats:")
