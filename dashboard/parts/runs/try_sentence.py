"""Try the model of one run: type what a row of its task has, see its answer and how sure it is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.frames import example_html
from dashboard.parts import commands
from dashboard.parts.runs import answering
from engine.text.tasks import TaskSpec

CLASSES = 15  # shown of many
LONG = ("context", "passage", "content", "abst", "text")  # fields with room for several lines
ONE_A_LINE = "one a line"


def show(version: str, run: Mapping[str, Any], spec: TaskSpec | None) -> None:
    """A box for each field of the task, and the answer of the run's model."""
    kept = queries.artifacts(version, run["run_id"]).filter(kind="checkpoint")
    if spec is None or not any(Path(file).is_file() for file in kept["file"]):
        why = "it belongs to no task" if spec is None else "runs of `python -m jobs.clue` keep theirs when they finish"
        st.info(f"This run kept no model that could answer: {why}.", icon=":material/model_training:")
        return
    with st.form("run_try", border=False):
        values = {name: _box(spec, name) for name in spec.fields if not (spec.fills_blanks and name == "blank")}
        asked = st.form_submit_button("Answer", icon=":material/play_arrow:", type="primary")
    if asked:
        _answer(run["run_id"], spec, values)
    command = commands.of_this_store(f"python -m jobs.predict --run {run['run_id']}")
    st.caption(f"`{command}` answers lines that are typed, and whole files with `--input`.")


def _box(spec: TaskSpec, name: str) -> Any:
    """What is typed for a field: a text, or a list of texts."""
    label, key, kind = words.heading(name), f"run_try_{name}", spec.field_kind(name)
    if kind == "marks":
        left, right = st.columns(2)
        return [left.text_input("Noun", key=f"{key}_noun"), right.text_input("Pronoun", key=f"{key}_pronoun")]
    if kind == "texts":
        text = st.text_area(f"{label}, {ONE_A_LINE}", key=key, height=100)
        return [line.strip() for line in text.splitlines() if line.strip()]
    if name in LONG or spec.kind == "entities":
        hint = "write each blank as ____" if spec.fills_blanks else None
        return st.text_area(label, key=key, height=120, placeholder=hint)
    return st.text_input(label, key=key)


def _typed(value: str | list[str]) -> bool:
    return bool(value) and all(part.strip() for part in value) if isinstance(value, list) else bool(value.strip())


def _answer(run_id: str, spec: TaskSpec, values: Mapping[str, Any]) -> None:
    empty = [words.name(name) for name, value in values.items() if not _typed(value)]
    if empty:
        st.warning(f"Nothing is typed for {', '.join(empty)}.", icon=":material/edit:")
        return
    try:
        answers = answering.answering(run_id, queries.database()).ask(values)
    except ValueError as error:
        st.error(f"The model gave no answer: {error}", icon=":material/error:")
        return
    for number, answer in enumerate(answers):
        _show(spec, answer, number)


def _show(spec: TaskSpec, answer: Mapping[str, Any], number: int) -> None:
    probabilities = answer.get("probabilities")
    fields = json.dumps(answer["fields"], ensure_ascii=False)
    if spec.kind in ("span", "entities"):
        predicted = answer["prediction"]
        text = predicted if isinstance(predicted, str) else json.dumps(predicted, ensure_ascii=False)
        st.html(example_html.render(fields, spec, predictions=[text]))
    shown = _spoken(spec, answer)
    st.markdown(f"**{shown}** · confidence {words.percent(answer['confidence'])}")
    if probabilities:
        frame = bars(spec, answer)
        st.dataframe(
            frame,
            key=f"run_try_answer_{number}",
            hide_index=True,
            height="content",
            column_config={
                "answer": st.column_config.TextColumn("Answer"),
                "probability": st.column_config.ProgressColumn("Probability", format="percent", max_value=1),
            },
            alt="Probability of each class",
        )
        if len(probabilities) > frame.height:
            st.caption(f"The {frame.height} likeliest of {len(probabilities)} classes.")


def bars(spec: TaskSpec, answer: Mapping[str, Any]) -> pl.DataFrame:
    """The likeliest classes (or the choices) with their probabilities, the likeliest first."""
    probabilities: Mapping[str, float] = answer["probabilities"]
    titles = [_title(spec, answer["fields"], label) for label in probabilities]
    frame = pl.DataFrame(
        {"answer": titles, "probability": list(probabilities.values())},
        schema={"answer": pl.String, "probability": pl.Float64},
    )
    if spec.kind == "choice":
        frame = frame.head(len(answer["fields"][spec.options]))
    return frame.sort("probability", descending=True, maintain_order=True).head(CLASSES)


def _title(spec: TaskSpec, fields: Mapping[str, Any], label: str) -> str:
    if spec.kind == "choice":
        options = fields[spec.options]
        return str(options[int(label)]) if int(label) < len(options) else label
    titles = dict(zip(spec.labels, spec.label_titles or spec.labels, strict=True))
    title = titles.get(label, label)
    return label if title == label else f"{label} {title}"


def _spoken(spec: TaskSpec, answer: Mapping[str, Any]) -> str:
    """The answer in words."""
    predicted = answer["prediction"]
    if spec.kind == "entities":
        return words.count(sum(len(places) for found in predicted.values() for places in found.values()), "entity")
    if spec.kind == "span":
        return str(predicted) or "no answer"
    return _title(spec, answer["fields"], str(predicted))
