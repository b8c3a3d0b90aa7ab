"""What the CAN page says of a correction: its gain, its assumption, the changed rows, and its neighbours."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import streamlit as st

from dashboard.figures import words
from dashboard.frames.labs import can_predictions
from dashboard.parts import downloads
from engine.can.evaluation import Gain
from engine.can.methods import METHODS, MethodScore, corrected_p
from engine.evidence.verdict import format_p, verdict

FLIP_COLUMNS = {
    "outcome": st.column_config.TextColumn("Outcome", width=115),
    "text": st.column_config.TextColumn("Text", width=250),
    "label": st.column_config.TextColumn("Label", width=85),
    "before": st.column_config.TextColumn("Before", width=85),
    "p_before": st.column_config.ProgressColumn("p before", min_value=0, max_value=1, format="%.2f", width=90),
    "after": st.column_config.TextColumn("After", width=85),
    "p_after": st.column_config.ProgressColumn("p after", min_value=0, max_value=1, format="%.2f", width=90),
    "uncertainty": st.column_config.NumberColumn("Entropy", format="%.3f", width=70),
}
METHOD_COLUMNS = {
    "method": st.column_config.TextColumn("Method", width=270),
    "accuracy": st.column_config.NumberColumn("Accuracy", format="percent"),
    "gain": st.column_config.NumberColumn("Gain (points)", format="%+.2f"),
    "low": st.column_config.NumberColumn("95 % from", format="%+.2f"),
    "high": st.column_config.NumberColumn("to", format="%+.2f"),
    "p": st.column_config.NumberColumn(
        "p (Holm)", format="%.3g", help="McNemar's mid-p, corrected for the number of methods"
    ),
    "macro_f1": st.column_config.NumberColumn("Macro F1", format="percent"),
    "ece": st.column_config.TextColumn(
        "ECE (95 %)", help="expected calibration error, 15 bins, without the bias of few rows"
    ),
    "log_loss": st.column_config.NumberColumn("Log loss", format="%.4f"),
    "to_right": st.column_config.NumberColumn("→ right"),
    "to_wrong": st.column_config.NumberColumn("→ wrong"),
}


def show_gain(gain: Gain) -> None:
    """The sentence, accuracy before and after, and how many rows moved."""
    st.markdown(verdict("no correction", "CAN", gain.gain, p_value=gain.p_value, unit="rows"))
    points = 100 * gain.gain.value
    with st.container(horizontal=True):
        st.metric(
            "Accuracy before",
            words.percent(gain.accuracy_before.value),
            delta=f"{gain.accuracy_before.low:.1%} to {gain.accuracy_before.high:.1%}",
            delta_color="off",
            delta_arrow="off",
            help="below: 95 % interval",
            width=150,
        )
        st.metric(
            "Accuracy after",
            words.percent(gain.accuracy.value),
            delta=f"{points:+.2f} points" if gain.flips else "no change",
            delta_color="normal" if points else "off",
            delta_arrow="auto" if points else "off",
            help=f"95 %: {gain.accuracy.low:.1%} to {gain.accuracy.high:.1%}",
            width=135,
        )
        st.metric("Rows corrected", f"{gain.corrected:,}", width=120)
        st.metric("Wrong → right", f"{gain.flips_to_right:,}", width=120)
        st.metric("Right → wrong", f"{gain.flips_to_wrong:,}", width=120)
        st.metric("McNemar", format_p(gain.p_value), width=120)


def show_assumption(gain: Gain) -> None:
    """Say whether confident rows are the better ones."""
    confident, uncertain = gain.accuracy_confident, gain.accuracy_uncertain
    if not confident or not uncertain:
        st.info(
            "Every row is on one side of the threshold: there is nothing to correct, or nothing to correct against."
        )
    elif uncertain.high >= confident.low:
        st.warning(
            f"The assumption behind CAN is not met: {confident.value:.1%} of {confident.n:,} confident rows are right "
            f"and {uncertain.value:.1%} of {uncertain.n:,} uncertain ones, with overlapping intervals.",
            icon=":material/warning:",
        )
    else:
        st.caption(
            f"The assumption holds: {confident.value:.1%} of {confident.n:,} confident rows are right, "
            f"{uncertain.value:.1%} of {uncertain.n:,} uncertain ones."
        )


def show_flips(lab: can_predictions.Lab, after: np.ndarray, uncertainty: np.ndarray, run_id: str) -> None:
    """The rows whose decision changed."""
    st.subheader("Changed decisions", anchor=False)
    frame = can_predictions.flips(lab, after, uncertainty)
    if frame.is_empty():
        st.caption("No decision changed.")
        return
    wanted = st.segmented_control(
        "Outcome",
        sorted(frame["outcome"].unique()),
        key="can_outcome",
        bind="query-params",
        label_visibility="collapsed",
    )
    shown = frame.filter(outcome=wanted) if wanted else frame
    st.dataframe(
        shown,
        key="can_flips",
        column_config=FLIP_COLUMNS,
        hide_index=True,
        height=min(420, 40 + 36 * shown.height),
        alt="Rows whose predicted class changed",
    )
    downloads.download(frame, f"can_flips_{run_id}")


def show_methods(scores: Sequence[MethodScore]) -> pl.DataFrame:
    """Table of the methods on the same rows; returns it."""
    corrected = corrected_p([score.gain.p_value for score in scores])
    rows = [
        {
            "method": METHODS[score.method],
            "accuracy": score.gain.accuracy.value,
            "gain": 100 * score.gain.gain.value,
            "low": 100 * score.gain.gain.low,
            "high": 100 * score.gain.gain.high,
            "p": p_value,
            "macro_f1": score.gain.macro_f1,
            "ece": f"{words.percent(score.calibration_error.value, 1)} "
            f"({words.between('accuracy', score.calibration_error.low, score.calibration_error.high)})",
            "log_loss": score.log_loss,
            "to_right": score.gain.flips_to_right,
            "to_wrong": score.gain.flips_to_wrong,
        }
        for score, p_value in zip(scores, corrected, strict=True)
    ]
    frame = pl.DataFrame(rows)
    st.dataframe(
        frame,
        key="can_methods_table",
        column_config=METHOD_COLUMNS,
        hide_index=True,
        height="content",
        alt="Methods that correct predictions, on the same rows",
    )
    st.caption(
        "CAN makes decisions, not probabilities: corrected rows are pushed to the prior, and their confidence means "
        "something else than that of the rows left alone. EM and Sinkhorn change every row."
    )
    return frame
