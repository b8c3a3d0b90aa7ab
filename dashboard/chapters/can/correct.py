"""CAN on the predictions of a stored run: sliders, what they change, on which rows, and whether it means anything."""

from typing import TypedDict

import numpy as np
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import queries
from dashboard.figures.labs import can as figures
from dashboard.frames.kept import Kept
from dashboard.frames.labs import can_predictions
from dashboard.frames.numbers import as_number
from dashboard.parts import badges, downloads, headings, links, plots
from dashboard.parts.labs import can_correction, can_runs
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.can import correct
from engine.can.evaluation import Gain, accuracy_by_uncertainty, evaluate
from engine.can.methods import can_probs, neighbour_probs, score_methods


class Knobs(TypedDict):
    """What the sliders say, as arguments of `alternating_normalization`."""

    k: int
    threshold: float
    alpha: float
    iterations: int


PRIORS = {"train": "training labels", "uniform": "uniform", "dev": "dev labels (peeking)"}
COMMAND = "python -m jobs.clue --task tnews --model ngram"
POST: Knobs = {"k": 3, "threshold": 0.9, "alpha": 1.0, "iterations": 1}
MOST_OWN = 12
CODE = """
import numpy as np

top = np.sort(probs, axis=1)[:, -3:]; top /= top.sum(axis=1, keepdims=True)
unsure = -(top * np.log(top)).sum(axis=1) / np.log(3) >= 0.9
sums = probs[~unsure].sum(axis=0)
fixed = prior * probs[unsure] / (sums + probs[unsure])
probs[unsure] = fixed / fixed.sum(axis=1, keepdims=True)
"""


def largest_k(lab: can_predictions.Lab) -> int:
    """Largest k that the page offers; of two classes k is 2."""
    return max(2, min(10, len(lab.names) - 1))


def settings(lab: can_predictions.Lab, controls: DeltaGenerator) -> tuple[Knobs, str]:
    """The sliders, beside the choice of the run, and the name of the class prior."""
    highest = largest_k(lab)
    with controls:
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
    return {"k": k, "threshold": threshold, "alpha": alpha, "iterations": iterations}, prior


def lab_of(version: str, run_id: str) -> can_predictions.Lab:
    """The predictions of a run that `chosen_lab` has found fit."""
    lab = can_runs.load(version, run_id)
    assert isinstance(lab, can_predictions.Lab)
    return lab


@st.cache_resource(show_spinner="Computing the other methods …", max_entries=16)
def neighbours(version: str, run_id: str, prior: str) -> dict[str, np.ndarray]:
    """Temperature, EM, Sinkhorn and logit adjustment: independent of the sliders."""
    lab = lab_of(version, run_id)
    return neighbour_probs(lab.probs, lab.labels, lab.priors[prior], rng=np.random.default_rng(0))


def chosen_lab() -> tuple[str, str, can_predictions.Lab] | None:
    """The store's version, the run and its predictions; None after a sentence that says what is missing."""
    version = queries.store_version()
    can_runs.prefer_classification(version)
    run_id = can_runs.pick(version)
    if run_id is None:
        headings.empty(COMMAND, "No run with predictions is stored yet.")
        return None
    badges.sample_badge(queries.run(version, run_id)["data_source"])
    lab = can_runs.load(version, run_id)
    if isinstance(lab, str):
        st.info(lab, icon=":material/info:")
        headings.empty(COMMAND, "Choose another run above, or make one.")
        return None
    return version, run_id, lab


@st.cache_resource(show_spinner=False, max_entries=32)
def uncertainty_of(version: str, run_id: str, k: int) -> np.ndarray:
    """Top-k entropy of every row."""
    lab = lab_of(version, run_id)
    return correct.top_k_entropy(lab.probs, k=k)


@st.cache_resource(show_spinner=False, max_entries=4)
def iterated(version: str, run_id: str, prior: str, *, k: int, threshold: float, alpha: float) -> Kept[np.ndarray]:
    """Probabilities after one iteration, after two, and so on: the next one costs one iteration, not all."""
    lab = lab_of(version, run_id)
    return Kept(correct.corrections(lab.probs, lab.priors[prior], k=k, threshold=threshold, alpha=alpha))


@st.cache_resource(show_spinner=False, max_entries=32)
def corrected(
    version: str, run_id: str, prior: str, *, k: int, threshold: float, alpha: float, iterations: int
) -> tuple[np.ndarray, Gain]:
    """Probabilities after the correction, and the gain; several iterations take some tenths of a second."""
    lab = lab_of(version, run_id)
    after = iterated(version, run_id, prior, k=k, threshold=threshold, alpha=alpha)[iterations - 1]
    touched = uncertainty_of(version, run_id, k) >= threshold
    before, now = lab.probs.argmax(axis=1), after.argmax(axis=1)
    return after, evaluate(lab.labels, before, now, n_classes=len(lab.names), touched=touched)


def show_uncertainty(lab: can_predictions.Lab, uncertainty: np.ndarray, threshold: float, gain: Gain) -> None:
    """How uncertain the rows are, and whether uncertain ones are worse."""
    bins = accuracy_by_uncertainty(uncertainty, lab.probs.argmax(axis=1) == lab.labels)
    left, right = st.columns(2)
    plots.show(
        figures.uncertainty_histogram(bins, threshold=threshold),
        key="can_histogram",
        title="How uncertain are the rows?",
        alt="Rows by uncertainty, right and wrong",
        place=left,
    )
    plots.show(
        figures.accuracy_by_uncertainty(bins, threshold=threshold, overall=gain.accuracy_before.value),
        key="can_assumption",
        title="Are uncertain rows worse?",
        alt="Accuracy by uncertainty with intervals",
        place=right,
    )
    can_correction.show_assumption(gain)


def mix_title(mix: pl.DataFrame) -> str:
    """Whether the shares of the classes come nearer to the true ones, in points on average."""
    before, after = (100 * as_number((mix[name] - mix["labels"]).abs().mean()) for name in ("before", "after"))
    if f"{before:.2f}" == f"{after:.2f}":
        return f"CAN leaves the class shares {before:.2f} points from the true ones on average"
    verb = "nearer to" if after < before else "away from"
    return f"CAN moves the class shares {verb} the true ones: {before:.2f} → {after:.2f} points off on average"


def show_mix(lab: can_predictions.Lab, prior: np.ndarray, after: np.ndarray) -> None:
    """Share of each class in the prior, the labels and the predictions."""
    mix = can_predictions.class_mix(lab, prior, after)
    most = f" (the {mix.height} of {len(lab.names)} that move most)" if mix.height < len(lab.names) else ""
    plots.show(
        figures.class_mix(mix),
        key="can_mix",
        title=mix_title(mix) + most,
        alt="Share of each class in prior, labels and predictions",
    )


def picture() -> Reading | None:
    """The correction of one run."""
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        found = chosen_lab()
    if found is None:
        return None
    version, run_id, lab = found
    knobs, prior = settings(lab, controls)
    if len(lab.names) == 2:
        st.info(
            "Two classes: only k = 2 exists and an uncertain row is one near 0.5, so CAN can only move that threshold "
            "a little towards the rarer class. Expect next to nothing.",
            icon=":material/info:",
        )
    uncertainty = uncertainty_of(version, run_id, knobs["k"])
    unsure = uncertainty >= knobs["threshold"]
    with st.spinner(f"Correcting {int(unsure.sum()):,} uncertain rows ..."):
        after, gain = corrected(version, run_id, prior, **knobs)
    can_correction.show_gain(gain)
    show_uncertainty(lab, uncertainty, knobs["threshold"], gain)
    show_mix(lab, lab.priors[prior], after)
    can_correction.show_flips(lab, after, uncertainty, run_id)
    return reading(lab, int(unsure.sum()), gain)


def reading(lab: can_predictions.Lab, unsure: int, gain: Gain) -> Reading:
    """The words, with the numbers of the run."""
    points = 100 * np.array([gain.gain.value, gain.gain.low, gain.gain.high])
    sure, weak = gain.accuracy_confident, gain.accuracy_uncertain
    split = f"{sure.value:.1%} of confident and {weak.value:.1%} of uncertain rows are right" if sure and weak else ""
    return Reading(
        see=f"at a threshold of {{threshold}} and α = {{alpha}}, {unsure:,} of {len(lab.labels):,} rows are uncertain "
        f"and {gain.flips_to_right + gain.flips_to_wrong:,} decisions change to or from the right class.",
        theory="CAN can help only if uncertain rows really are worse and the classifier's class mix is off; confident "
        "rows stay as they are.",
        measured=f"**{points[0]:+.2f} points** (95 % {points[1]:+.2f} to {points[2]:+.2f}, n = {len(lab.labels):,} "
        f"rows). {split}{'.' if split else ''}".replace("%", " %").replace("  %", " %"),
        apart="corrected rows are pushed to the prior: they are decisions, not calibrated probabilities. A gain at a "
        "setting chosen by looking at these labels is too good; *Every setting* takes that out.",
        drag={
            "threshold": Number("can_threshold", spaced(0, 1, 0.01), "threshold of the entropy"),
            "alpha": Number("can_alpha", spaced(0.1, 3, 0.1), "α"),
        },
    )


def show_methods() -> None:
    """CAN in one table with what else could be done with the same predictions."""
    found = chosen_again()
    if found is None:
        return
    version, run_id, lab = found
    knobs, prior = kept_settings(lab)
    fixed = can_probs(lab.probs, lab.priors[prior], **knobs)
    fixed |= neighbours(version, run_id, prior)
    unsure = correct.top_k_entropy(lab.probs, k=knobs["k"]) >= knobs["threshold"]
    frame = can_correction.show_methods(score_methods(lab.probs, lab.labels, fixed, touched=unsure))
    downloads.download(frame, f"can_methods_{run_id}")


def chosen_again() -> tuple[str, str, can_predictions.Lab] | None:
    """The run that the page shows, for its further parts."""
    version, run_id = queries.store_version(), st.session_state.get("can_run_pick")
    lab = can_runs.load(version, run_id) if run_id else "no run"
    return None if isinstance(lab, str) else (version, str(run_id), lab)


def kept_settings(lab: can_predictions.Lab) -> tuple[Knobs, str]:
    """The settings of the sliders above, and the name of the class prior."""
    state = st.session_state
    knobs: Knobs = {
        "k": min(state.get("can_k", 2), largest_k(lab)),
        "threshold": state.get("can_threshold", 0.9),
        "alpha": state.get("can_alpha", 1.0),
        "iterations": state.get("can_iterations", 1),
    }
    return knobs, state.get("can_prior", next(iter(lab.priors)))


def show_published() -> None:
    """The post's table in full, and beside it the same setting on the runs of this store."""
    version = queries.store_version()
    papers = queries.published(version, "can").filter(metric="accuracy")
    rows = can_predictions.published(papers) if papers.height else papers
    if rows.is_empty():
        st.caption("The published table comes into the store with its first run.")
        return
    helped = rows.filter(pl.col("rows") > 0).height
    points = as_number(rows["points"].max())
    fewest, most = as_number(rows["rows"].min()), as_number(rows["rows"].max())
    st.markdown(
        f"The post reports {rows.height} pairs of dev scores (k 3, threshold 0.9, α 1, one iteration, no intervals): "
        f"CAN helped in {helped}, by at most {points:+.2f} points. Those are {fewest:+d} to "
        f"{most:+d} rows, so read them as signs, not as sizes. Below, the same setting on the newest "
        "runs of this store, with 95 % intervals."
    )
    table = pl.concat([rows.with_columns(source=pl.lit("published")), own_gains(version)], how="diagonal")
    formats = {name: st.column_config.NumberColumn(format="%.2f") for name in ("before %", "with CAN %")}
    formats |= {
        name: st.column_config.NumberColumn(label, format="%+.2f")
        for name, label in (("points", "points"), ("low", "95 % from"), ("high", "to"))
    }
    st.dataframe(
        table.select("source", pl.exclude("source")),
        key="can_published",
        hide_index=True,
        column_config=formats,
        height="content",
        alt="Published accuracies before and after CAN, and those of this store",
        placeholder="",
    )


@st.cache_resource(show_spinner="Correcting the stored runs", max_entries=4)
def own_gains(version: str) -> pl.DataFrame:
    """The post's setting on the newest runs of more than two classes: the published table's columns with intervals."""
    runs = queries.run_list(version, experiment="clue").filter(pl.col("status") == "finished")
    rows: list[dict[str, object]] = []
    for run in runs.iter_rows(named=True):
        lab = can_runs.load(version, run["run_id"]) if len(rows) < MOST_OWN else "enough"
        if isinstance(lab, str) or len(lab.names) < 3:
            continue
        knobs: Knobs = {**POST, "k": min(3, len(lab.names) - 1)}
        fixed = correct.alternating_normalization(lab.probs, next(iter(lab.priors.values())), **knobs)
        before, after = lab.probs.argmax(axis=1), fixed.argmax(axis=1)
        gain = evaluate(lab.labels, before, after, n_classes=len(lab.names))
        rows.append(
            {
                "source": "here" + (", sample data" if run["data_source"] == "sample" else ""),
                "task": run["task"],
                "model": run["model"],
                "before %": 100 * gain.accuracy_before.value,
                "with CAN %": 100 * gain.accuracy.value,
                "points": 100 * gain.gain.value,
                "low": 100 * gain.gain.low,
                "high": 100 * gain.gain.high,
                "rows": gain.flips_to_right - gain.flips_to_wrong,
                "run": run["run_id"],
            }
        )
    return pl.DataFrame(rows)


def onward() -> None:
    """The same run elsewhere."""
    run_id = st.session_state.get("can_run_pick")
    if run_id:
        links.chapter_link("can", "sweep", "Every setting: the sweep", icon=":material/grid_on:", can_run=run_id)


CHAPTER = Chapter(
    question="What does CAN change in a run?",
    chinese="用先验分布修正不确定的预测 · CAN on stored predictions",
    lead="Uncertain predictions are moved so that the mix of classes fits the known frequencies: does that make more "
    "of a run's rows right?",
    guess=Guess(
        question="the post corrects 2,599 IFLYTEK rows. By how many does the number of right ones change?",
        answers=("about 10", "about 100", "about 500"),
        right="about 10",
        because="60.06 % to 60.52 % are 12 rows, without an interval. The published table is below.",
    ),
    picture=picture,
    good_for="one look at whether a run's uncertain rows are worth correcting. Take the prior from training labels, "
    "never from the rows that are scored.",
    formula=r"b_c\leftarrow\frac1Z\,q_c\frac{b_c^{\alpha}}{S_c+b_c^{\alpha}},\qquad "
    r"\text{for rows with } -\tfrac{1}{\ln k}\sum_{i\le k}r_i\ln r_i\ge\tau",
    code=CODE,
    reference="Su Jianlin, [[8728]](https://kexue.fm/archives/8728); "
    "Jia et al. (2021), [arXiv 2109.13449](https://arxiv.org/abs/2109.13449).",
    more={
        "The published table beside ours": show_published,
        "Beside its neighbours: temperature, EM, Sinkhorn, logit adjustment": show_methods,
        "Every setting of this run": onward,
    },
)
