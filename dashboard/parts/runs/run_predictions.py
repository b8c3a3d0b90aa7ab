"""The predictions of one run on its page: confusion matrix, confidence, and what it got wrong."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import runs as figures
from dashboard.figures import tables, words
from dashboard.parts import links, plots
from engine.evidence.intervals import proportion_interval

WRONG = 200  # wrong examples listed
FEW_CLASSES, MANY_CLASSES = 40, 200  # a matrix up to here, a list of confusions up to there; more are no classes


def show(version: str, run: Mapping[str, Any]) -> None:
    """Confusion matrix, confidence, and the wrong predictions with their text."""
    frame = tables.with_class_titles(queries.predictions(version, run["run_id"], "dev"), run["task"])
    if frame.is_empty():
        st.info("This run stored no dev predictions.", icon=":material/inbox:")
        return
    shared = queries.shared_rows(version, run["run_id"])
    message = f"{shared:,} of {frame.height:,} dev rows are also in the training set (same input, by hash)."
    if shared:
        st.warning(message, icon=":material/content_copy:")
    else:
        st.caption(message)
    labelled = frame.drop_nulls("label")
    if not labelled.is_empty():
        exact = proportion_interval(int((labelled["label"] == labelled["prediction"]).sum()), labelled.height)
        st.caption(
            f"Right: **{words.percent(exact.value)}** of {exact.n:,} examples, 95 % interval "
            f"{words.between('accuracy', exact.low, exact.high)} (Wilson), which is what other examples of the same "
            "kind would do; what another seed would do is not in it."
        )
    counts = figures.confusion_counts(frame)
    classes = tables.class_order(counts)
    left, right = st.columns([3, 2])
    if 2 <= len(classes) <= FEW_CLASSES:
        matrix = figures.confusion(counts, classes)
        plots.show(matrix, key="run_confusion", alt=f"Confusion matrix of {len(classes)} classes", place=left)
    elif counts["label"].n_unique() <= MANY_CLASSES:
        with left:
            st.markdown("**Most frequent confusions**")
            wrong = counts.filter(pl.col("label") != pl.col("prediction")).head(100)
            shown = wrong.select(Label="label", Prediction="prediction", Rows="count", Share="share")
            share = {"Share": st.column_config.NumberColumn("% of the label's rows", format="percent")}
            st.dataframe(shown, key="run_confusions", hide_index=True, column_config=share, alt="Frequent confusions")
    if frame["confidence"].is_not_null().any():
        drawn = figures.confidence(frame)
        plots.show(drawn, key="run_confidence", alt="Confidence of right and wrong predictions", place=right)
    show_wrong(frame, classes)
    links.page_link("examples", "All examples, flips and marks", icon=":material/lists:", runs=run["run_id"])


def show_wrong(frame: pl.DataFrame, classes: list[str]) -> None:
    """Wrong predictions, the most confident first."""
    wrong = frame.filter(pl.col("label").is_not_null() & (pl.col("label") != pl.col("prediction")))
    st.subheader(f"Wrong predictions ({wrong.height:,} of {frame.height:,})", anchor=False)
    with st.container(horizontal=True):
        label = None
        if len(classes) <= MANY_CLASSES:
            label = st.selectbox("Label", classes, index=None, key="run_label", bind="query-params", width=260)
        word = st.text_input("Text contains", key="run_word", bind="query-params", width=260)
    if label:
        wrong = wrong.filter(label=label)
    if word:
        wrong = wrong.filter(pl.col("text").str.contains(word, literal=True))
    shown = tables.readable(wrong.sort("confidence", descending=True, nulls_last=True).head(WRONG))
    st.dataframe(
        shown.select("confidence", "label", "prediction", "text", "example_id"),
        key="run_wrong",
        hide_index=True,
        row_height=52,
        column_config={
            "confidence": st.column_config.NumberColumn("Confidence", format="percent", width="small"),
            "label": st.column_config.TextColumn("Label", width=140),
            "prediction": st.column_config.TextColumn("Prediction", width=140),
            "text": st.column_config.TextColumn("Text", width="large"),
            "example_id": st.column_config.TextColumn("Example", width="small"),
        },
        alt="Wrong predictions by confidence",
    )
    if wrong.height > WRONG:
        st.caption(f"The {WRONG} most confident of {wrong.height:,} are shown.")
