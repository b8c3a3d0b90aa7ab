"""On which examples? One run's predictions, or two runs' side by side, each example as its reader needs it."""

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import compare as figures
from dashboard.figures import findings, tables, words
from dashboard.frames import example_filters, example_html
from dashboard.frames.comparison import paired_predictions
from dashboard.frames.numbers import as_number
from dashboard.frames.runs import run_names
from dashboard.parts import badges, dots, downloads, headings, links, plots
from dashboard.parts.runs import run_actions, run_picker
from engine.evidence.class_report import class_report

SIZE = 20
LINE_TEXT, LINE_ANSWER = 60, 20  # characters of an example's line
MOST_RUNS = 20
ORDERS = {
    "most telling first": ("telling", True),
    "most confident first": ("confidence", True),
    "least confident first": ("confidence", False),
    "longest first": ("n_characters", True),
    "file order": (None, False),
}
SIGNS = {True: ":green[:material/check:]", False: ":red[:material/close:]"}
MANY_CLASSES = 200  # more distinct answers than this are texts, not classes

headings.title(
    "Examples",
    "Which examples does a run get wrong, and which ones do two settings answer differently?",
    note="""The predictions that a run stored, one example at a time: filter them, see which ones two runs answer
differently, and mark those whose label looks wrong. With two runs, or the seeds of two settings, *gained* are the rows
that only the second side gets right, *lost* those that only the first one does, and *flips* both. With several seeds an
answer is what most of them say. The most telling rows are those on which most seeds differ and both sides are sure. The
calibration curve compares the confidence of a run with the share
of right answers at that confidence; ECE is the mean gap.""",
    formula=r"\mathrm{ECE} = \sum_b \frac{n_b}{n}\,\left|\,\overline{\text{right}}_b - \overline{\text{conf}}_b\right|",
    source="Naeini et al. (2015); Guo et al. (2017), arXiv 1706.04599",
)

version = queries.store_version()
if queries.all_runs(version).is_empty():
    headings.empty("python -m jobs.clue --task afqmc", "No run is stored yet.")
    st.stop()
toolbar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="examples_toolbar")
with toolbar, st.popover("Choose runs", icon=":material/checklist:"):
    chosen = run_picker.pick_runs(
        "examples",
        most=MOST_RUNS,
        label="One run, two runs, or the seeds of two settings",
        experiment="clue",
        suggest=example_filters.suggest,
    )
if not chosen:
    st.info("Choose a run.", icon=":material/lists:")
    st.stop()
sides, told = example_filters.sides(chosen)
if told:
    st.warning(told, icon=":material/block:")
usual: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed", "required": True}
with toolbar:
    split = st.segmented_control("Split", ["dev", "test"], default="dev", key="examples_split", **usual)
    view = st.segmented_control("View", ["Examples", "Figures"], default="Examples", key="examples_view", **usual)
    seeds = example_filters.common_seeds(sides)
    if seeds:
        every = ["all seeds", *(f"seed {seed}" for seed in seeds)]
        wanted = st.segmented_control("Seeds", every, default=every[0], key="examples_seeds", **usual)
        if wanted in every[1:]:
            sides = [[row for row in side if f"seed {row['seed']}" == wanted] for side in sides]
    badges.sample_badge(str(chosen[0].get("data_source")))
spec = queries.task_specs(version).get(str(chosen[0]["task"]))
firsts = [side[0] for side in sides]
called = run_names.apart(firsts, queries.names(version, tuple(str(run["run_id"]) for run in firsts)))
names = [f"{letter}: {name}" for letter, name in zip("AB", called, strict=False)] if len(called) > 1 else called
ids = tuple(tuple(str(row["run_id"]) for row in side) for side in sides)
colors = [queries.colors(version)[str(side[0]["config_hash"])] for side in sides]


@st.cache_resource(show_spinner="Reading the predictions …", max_entries=16)
def read(
    version: str, ids: tuple[tuple[str, ...], ...], split: str, task: str | None
) -> tuple[pl.DataFrame, str, tuple[int, int]]:
    """Rows of one run, or those that both sides have; what kept two from being paired; rows that only one has."""
    with_texts = queries.predictions(version, ids[0][0], split)
    frames = [tables.with_class_titles(with_texts, task)]
    pairing, problem = None, ""
    if len(ids) == 2 and not with_texts.is_empty():
        read = [queries.answers_of(version, side, split) for side in ids]
        both = [[tables.with_class_titles(rows, task) for rows in side] for side in read]
        try:
            pairing = paired_predictions.pair(*both)
        except paired_predictions.NotComparable as error:
            problem = str(error)
    alone = (0, 0) if pairing is None else (pairing.only_a, pairing.only_b)
    return example_filters.with_outcome(frames[0], pairing), problem, alone


def rows_of_both() -> pl.DataFrame:
    """The rows to show; says where there are none and what has no partner."""
    frame, problem, alone = read(version, ids, split, str(chosen[0]["task"]))
    if frame.is_empty():
        st.info(
            f"{words.inline(names[0])} stored no {split} predictions. Choose another run or split above.",
            icon=":material/inbox:",
        )
        st.stop()
    if len(sides) == 2 and sides[0][0]["task"] != sides[1][0]["task"]:
        problem = f"{' and '.join(str(side[0]['task'] or 'no task') for side in sides)} are different tasks"
    if problem:
        st.warning(words.inline(f"Only {names[0]} is shown: {problem}."), icon=":material/block:")
    elif any(alone):
        rest = f"{alone[0]:,} rows of {names[0]}, {alone[1]:,} rows of {names[1]}"
        st.caption(words.inline(f"Not shown, without a partner: {rest}."))
    return frame


def tells(frame: pl.DataFrame, column: str) -> bool:
    """Whether a column is there and has a value."""
    return column in frame.columns and bool(frame[column].is_not_null().any())


def filters(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows that match the widgets, in the order chosen; every filter is part of the URL."""
    answers = frame["label"].drop_nulls().n_unique()
    shows = (
        list(example_filters.SHOWS)
        if "right_b" in frame.columns
        else list(example_filters.SHOWS)[: example_filters.OF_ONE]
    )
    usual: dict[str, Any] = {"bind": "query-params", "label_visibility": "collapsed"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show = st.selectbox(
            "Show",
            shows,
            index=shows.index("flips" if "flips" in shows else "wrong"),
            key="examples_show",
            width=150,
            **usual,
        )
        orders = [name for name, (column, _) in ORDERS.items() if column is None or tells(frame, column)]
        column, descending = ORDERS[st.selectbox("Order", orders, key="examples_order", width=200, **usual)]
        word = st.text_input("Contains", key="examples_word", placeholder="text contains …", width=170, **usual)
        with st.popover("More filters", icon=":material/filter_list:", type="tertiary"):
            labels: list[str] = []
            predictions: list[str] = []
            if answers <= MANY_CLASSES:
                classes = tables.values(frame, "label")
                labels = st.multiselect("Label", classes, key="examples_label", bind="query-params")
                predictions = st.multiselect("Predicted", classes, key="examples_predicted", bind="query-params")
            confidence = (0.0, 1.0)
            if tells(frame, "confidence"):
                known: dict[str, Any] = {"key": "examples_confidence", "bind": "query-params", "format": "percent"}
                confidence = st.slider("Confidence", 0.0, 1.0, confidence, **known)
            shortest, longest = int(as_number(frame["n_characters"].min())), int(as_number(frame["n_characters"].max()))
            length = None
            if longest > shortest:
                kept = st.session_state.get("examples_length")
                if kept is not None and not shortest <= kept[0] <= kept[1] <= longest:  # of other runs' examples
                    del st.session_state["examples_length"]
                length = st.slider(
                    "Length in characters", shortest, longest, (shortest, longest), key="examples_length",
                    bind="query-params",
                )  # fmt: skip
    found = example_filters.matching(
        frame, show=show, labels=labels, predictions=predictions, confidence=confidence, length=length, word=word
    )
    return found if column is None else found.sort(column, descending=descending, nulls_last=True, maintain_order=True)


def show_example(row: dict[str, Any], marks: dict[str, str]) -> None:
    """One example as a line, with its text and the mark where it is opened."""
    answers = [str(row["prediction"])] + ([str(row["prediction_b"])] if row.get("prediction_b") is not None else [])
    two = len(answers) > 1
    parts = []
    for letter, answer, end in zip("AB", answers, ("", "_b"), strict=False):
        who = f"{letter} " if two else ""
        several = f" {row[f'agree{end}']} of {row[f'seeds{end}']} seeds" if int(str(row[f"seeds{end}"])) > 1 else ""
        sure = words.share(row[f"confidence{end}"])
        said = f"{SIGNS[bool(row[f'right{end}'])]} {who}`{short(row, answer, LINE_ANSWER)}`{several} {sure}"
        parts.append(said.rstrip())
    text = tables.readable_text(str(row["text"]))
    line = words.cut(text, LINE_TEXT)
    flag = ":material/flag: " if str(row["hash"]) in marks else ""
    with st.expander(
        f"{flag}{' · '.join(parts)} · label `{short(row, row['label'], LINE_ANSWER)}` · {words.plain(line)}",
        key=f"examples_open_{row['hash']}_{row['example_id']}",
        on_change="rerun",
    ) as opened:
        if opened.open:
            st.html(example_html.render(str(row["text"]), spec, label=row["label"], predictions=answers))
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"example {row['example_id']}", width="stretch")
                mark(row, marks)


def short(row: dict[str, Any], answer: object, most: int) -> str:
    """The first characters, for a line; entities, which stand in the text below, as their number."""
    if spec is not None and spec.kind == "entities":
        return words.count(len(paired_predictions.entity_cells(str(answer))), "entity")
    return words.cut(tables.option(str(row["text"]), str(answer), spec).replace("`", "'"), most)


def mark(row: dict[str, object], marks: dict[str, str]) -> None:
    """Popover that stores a note or "label is wrong" for an example."""
    digest = str(row["hash"])
    place = f"{digest}_{row['example_id']}"  # several examples of a data set may have the same content
    with st.popover("Marked" if digest in marks else "Mark", icon=":material/flag:"):
        kind = st.radio("Kind", ["label is wrong", "note"], key=f"examples_kind_{place}")
        note = st.text_input("Note", value=marks.get(digest, ""), key=f"examples_note_{place}")
        if st.button("Save", key=f"examples_save_{place}"):
            run_actions.done(lambda: queries.mark_example(digest, ids[0][0], kind, note), "Marked.")


def show_list(frame: pl.DataFrame) -> None:
    """One line an example, twenty a page."""
    found = filters(frame)
    marked = queries.marks(queries.store_version())
    marks = dict(zip(marked["hash"], marked["note"].fill_null(""), strict=True))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{found.height:,} of {words.count(frame.height, 'example')}")
        pages = max(1, -(-found.height // SIZE))
        number = st.pagination(pages, key="examples_page", bind="query-params") if pages > 1 else 1
        downloads.download(found, "examples")
        if marked.height:
            joined = marked.join(frame.select("hash", "example_id", "label", "text"), on="hash", how="left")
            downloads.download(joined, "marks", label=f"{marked.height} marks as CSV")
    if found.is_empty():
        st.info("No example matches: choose *all* at the left, or other filters.", icon=":material/filter_alt_off:")
    with st.container(gap=None, key="examples_list"):
        for row in tables.page(found, min(number or 1, pages), SIZE).iter_rows(named=True):
            show_example(row, marks)


@st.cache_data(show_spinner=False, max_entries=32)
def class_figure(version: str, run_id: str, split: str, task: str | None, name: str) -> tuple[go.Figure, str]:
    """Per-class precision, recall and F1 of one run, and what they show."""
    frame = tables.with_class_titles(queries.answers(version, run_id, split), task).drop_nulls("label")
    classes = sorted(set(frame["label"]) | set(frame["prediction"]))
    index = {name: number for number, name in enumerate(classes)}
    labels, preds = ([index[name] for name in frame[column]] for column in ("label", "prediction"))
    report = class_report(labels, preds, n_classes=len(classes), rng=np.random.default_rng(0))
    return figures.class_scores(report, classes), findings.weakest_class(report, classes, name)


def show_figures(frame: pl.DataFrame) -> None:
    """Disagreement matrix, calibration, per-class scores."""
    classes = tables.values(frame, "label")
    left, right = st.columns([2, 3])
    with left:
        pairs = [(names[0], frame["confidence"], frame["right"])]
        if "right_b" in frame.columns:
            both = frame.drop_nulls("right_b")
            pairs.append((names[1], both["confidence_b"], both["right_b"]))
        known = [n for n, (_, confidence, _) in enumerate(pairs) if confidence.is_not_null().any()]
        if known:
            pairs, tints = [pairs[n] for n in known], [colors[n] for n in known]
            drawn = figures.calibration(pairs, colors=tints)
            plots.show(drawn, key="examples_calibration", title=findings.calibration(pairs), alt="Calibration curve")
        else:
            st.caption("No confidence is stored that differs between the examples: there is no calibration to draw.")
    with right:
        if "right_b" in frame.columns and 2 <= len(classes) <= 40:
            counts = example_filters.disagreement_counts(frame)
            drawn = figures.disagreement(counts, classes, names[0], names[1])
            plots.show(
                drawn,
                key="examples_disagreement",
                title=findings.disagreement(counts),
                alt="Predictions of B against those of A",
            )
    has_classes = spec is None or spec.kind in ("classification", "pair")
    if has_classes and 2 <= len(classes) <= MANY_CLASSES:
        figure, title = class_figure(version, ids[0][0], split, str(chosen[0]["task"]), names[0])
        plots.show(figure, key="examples_classes", title=title, alt="Precision, recall and F1 of each class")


everything = rows_of_both()
told_names = " &nbsp; ".join(
    f"{dots.dot(color)}**{html.escape(words.inline(name))}**" for name, color in zip(names, colors, strict=False)
)
if "right_b" in everything.columns:
    counts = example_filters.flips(everything)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="examples_told"):
        st.markdown(
            f"{told_names}: B corrects **{counts['gained']:,}** and loses **{counts['lost']:,}** of "
            f"{everything['right_b'].count():,} examples; **{counts['disagree']:,}** answers differ. "
            f"{example_filters.pairs_said(sides)}",
            width="stretch",
            unsafe_allow_html=True,
        )
        every_id = ",".join(run_id for side in ids for run_id in side)
        links.page_link("compare", "Is that more than noise?", icon=":material/compare_arrows:", runs=every_id)
else:
    right = everything["right"].drop_nulls()
    are = f"{words.count(len(right), 'example')} {'is' if len(right) == 1 else 'are'} right"
    share = f": {words.percent(as_number(right.mean()))} of {are}" if len(right) else ""
    st.markdown(f"{told_names}{share}.", unsafe_allow_html=True)
if everything["label"].drop_nulls().is_empty():
    st.info("This split has no labels: there is nothing right or wrong to show.", icon=":material/visibility_off:")
elif view == "Figures":
    show_figures(everything)
else:
    show_list(everything)
