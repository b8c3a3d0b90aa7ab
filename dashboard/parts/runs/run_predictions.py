"""The predictions of one run on its page: confusion matrix, confidence, and what it got wrong."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import runs as figures
from dashboard.figures import tables, words
from dashboard.frames import example_filters, example_html
from dashboard.frames.comparison import paired_predictions
from dashboard.parts import links, plots
from engine.evidence.intervals import proportion_interval
from engine.evidence.metrics import cmrc_f1
from engine.text.tasks import TaskSpec

WRONG = 200  # wrong examples listed
TEXTS, LINE = 20, 40  # wrong answers listed with their passage, characters of each in its line
FEW_CLASSES, MANY_CLASSES = 40, 200  # a matrix up to here, a list of confusions up to there; more are no classes


def show(version: str, run: Mapping[str, Any], spec: TaskSpec | None) -> None:
    """What kinds of errors there are, how sure the run was, and the wrong predictions with their text."""
    frame = tables.with_class_titles(queries.predictions(version, run["run_id"], "dev"), run["task"])
    frame = example_filters.with_telling_confidence(frame)
    if frame.is_empty():
        st.info("This run stored no dev predictions.", icon=":material/inbox:")
        return
    show_right(frame, queries.shared_rows(version, run["run_id"]))
    sure = frame.drop_nulls(["label", "confidence"])["confidence"].n_unique() > 1
    drawn_classes = spec is None or spec.kind != "entities"
    left, right = st.columns([3, 2]) if drawn_classes else (None, st)
    if spec is not None and spec.kind == "span":
        show_spans(frame, left)
        classes = []
    else:
        option = "Option {}" if spec is not None and spec.kind == "choice" else "{}"
        named = frame.with_columns(pl.format(option, name).alias(name) for name in ("label", "prediction"))
        classes = show_classes(named, left) if drawn_classes else []
    if sure:
        drawn, title = figures.confidence(frame), figures.confidence_said(frame)
        plots.show(drawn, key="run_confidence", title=title, alt="Confidence of right and wrong", place=right)
    if spec is not None and spec.kind in ("span", "entities", "choice"):
        show_texts(frame, spec)
    else:
        show_wrong(frame, classes)
    links.page_link("examples", "All examples, flips and marks", icon=":material/lists:", runs=run["run_id"])


def show_right(frame: pl.DataFrame, shared: int) -> None:
    """The share of right answers with its interval, and the rows that stand in the training set too."""
    labelled, said = frame.drop_nulls("label"), []
    if not labelled.is_empty():
        exact = proportion_interval(int((labelled["label"] == labelled["prediction"]).sum()), labelled.height)
        said.append(
            f"Right: **{words.percent(exact.value)}** of {exact.n:,} examples, 95 % interval "
            f"{words.between('accuracy', exact.low, exact.high)} (Wilson): what other examples of the same kind would "
            "do; what another seed would do is not in it."
        )
    if shared:
        said.append(
            f":orange[:material/content_copy: **{shared:,} of {frame.height:,} dev rows** are also in the training set "
            "(same input, by hash).]"
        )
    st.markdown("  \n".join(said))


def show_classes(frame: pl.DataFrame, place: Any) -> list[str]:
    """The confusion matrix, or the most frequent confusions of many classes; returns the classes."""
    counts = figures.confusion_counts(frame)
    classes = tables.class_order(counts)
    wrong = counts.filter(pl.col("label") != pl.col("prediction"))
    if 2 <= len(classes) <= FEW_CLASSES:
        title = "No class is taken for another"
        if wrong.height:
            most = wrong.row(0, named=True)
            title = f"{most['label']} is taken for {most['prediction']} most often: {words.count(most['count'], 'row')}"
        matrix = figures.confusion(counts, classes)
        alt = f"Confusion matrix of {len(classes)} classes"
        plots.show(matrix, key="run_confusion", title=title, alt=alt, place=place)
    elif counts["label"].n_unique() <= MANY_CLASSES:
        with place:
            st.markdown("**Most frequent confusions**")
            shown = wrong.head(100).select(Label="label", Prediction="prediction", Rows="count", Share="share")
            share = {"Share": st.column_config.NumberColumn("% of the label's rows", format="percent")}
            st.dataframe(shown, key="run_confusions", hide_index=True, column_config=share, alt="Frequent confusions")
    return classes


def show_spans(frame: pl.DataFrame, place: Any) -> None:
    """How much of the accepted answer the answers cover."""
    pairs = frame.drop_nulls("label")
    if pairs.is_empty():
        return
    overlap = [cmrc_f1(*row) for row in pairs.select("label", "prediction").iter_rows()]
    pairs = pairs.with_columns(overlap=pl.Series(overlap, dtype=pl.Float64))
    whole = int((pairs["label"] == pairs["prediction"]).sum())
    none = int((pairs["overlap"] == 0).sum())
    title = f"{whole:,} of {pairs.height:,} answers are the accepted one, {none:,} share no character with it"
    plots.show(figures.span_overlap(pairs), key="run_spans", title=title, alt=title, place=place)


def wrong_of(frame: pl.DataFrame) -> pl.DataFrame:
    """The labelled rows with another prediction; says in a sentence where there is none."""
    labelled = frame.drop_nulls("label")
    wrong = labelled.filter(pl.col("label") != pl.col("prediction"))
    if labelled.is_empty():
        st.caption("These examples have no labels, so none can be called right or wrong.")
    elif wrong.is_empty():
        st.caption(f"None of the {labelled.height:,} predictions is wrong.")
    return wrong


def show_texts(frame: pl.DataFrame, spec: TaskSpec) -> None:
    """Wrong answers with what was asked, the most confident first; a text is drawn when its line is opened."""
    wrong = wrong_of(frame)
    if wrong.is_empty():
        return
    st.subheader(f"Wrong answers ({wrong.height:,} of {frame.height:,})", anchor=False)
    word = st.text_input("Text contains", key="run_word", bind="query-params", width=260)
    if word:
        wrong = wrong.filter(pl.col("text").str.contains(word, literal=True))
    if wrong.is_empty():
        st.caption("No wrong answer is left by this filter.")
    with st.container(gap=None, key="run_examples_list"):
        for row in wrong.sort("confidence", descending=True, nulls_last=True).head(TEXTS).iter_rows(named=True):
            show_text(row, spec)
    say_cut(wrong, TEXTS)


def say_cut(wrong: pl.DataFrame, most: int) -> None:
    """How many of the rows a list shows, where it does not show all."""
    if wrong.height > most:
        which = "first" if wrong["confidence"].is_null().all() else "most confident"
        st.caption(f"The {most} {which} of {wrong.height:,} are shown.")


def show_text(row: Mapping[str, Any], spec: TaskSpec) -> None:
    """One wrong answer as a line, with its text where it is opened."""
    answers = [tables.option(row["text"], row[name], spec) for name in ("label", "prediction")]
    if spec.kind == "entities":
        answers = [words.count(len(paired_predictions.entity_cells(text)), "entity") for text in answers]
    gold, said = (words.plain(words.cut(text or "nothing", LINE)) for text in answers)
    sure = f" ({share})" if (share := words.share(row["confidence"])) else ""
    line = f"{said}{sure} instead of {gold}"
    if spec.kind != "span":  # answers alone tell no line from another
        line += f" · {words.plain(words.cut(tables.readable_text(row['text']), LINE))}"
    with st.expander(line, key=f"run_text_{row['hash']}_{row['example_id']}", on_change="rerun") as opened:
        if opened.open:
            st.html(example_html.render(row["text"], spec, label=row["label"], predictions=[row["prediction"]]))


def show_wrong(frame: pl.DataFrame, classes: list[str]) -> None:
    """Wrong predictions, the most confident first."""
    wrong = wrong_of(frame)
    if wrong.is_empty():
        return
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
    if wrong.is_empty():
        st.caption("No wrong prediction is left by these filters.")
        return
    shown = tables.readable(wrong.sort("confidence", descending=True, nulls_last=True).head(WRONG))
    sure = [] if shown["confidence"].is_null().all() else ["confidence"]
    st.dataframe(
        shown.select(*sure, "label", "prediction", "text", "example_id"),
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
    say_cut(wrong, WRONG)
