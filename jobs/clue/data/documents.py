"""Files that are not one example a line: CMRC2018 and C3 (one document), ChID (several blanks a line)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.text.choice import BLANK
from engine.text.tasks import Example, TaskSpec
from jobs.cli import InputError
from jobs.clue.data.parsing import FileRows, Place, json_document, json_lines, place_of, texts_in


class _Problem(Exception):
    """What is wrong with a question; where it stands is looked up only then."""


def read_cmrc(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """SQuAD-like: data, paragraphs, context, qas, answers; an answer at -1 is a placeholder."""
    text, document = json_document(path, dict)
    examples: list[Example] = []
    misplaced = placeholders = 0
    try:
        for paragraph in (p for entry in document["data"] for p in entry["paragraphs"]):
            context = paragraph["context"]
            for item in paragraph["qas"]:
                try:
                    answers = _cmrc_answers(context, item, labelled=labelled)
                except _Problem as problem:
                    raise place_of(path, text, str(item["id"])).refuse(str(problem)) from problem
                placeholders += sum(start < 0 for _, start in answers)
                misplaced += sum(start >= 0 and not context.startswith(answer, start) for answer, start in answers)
                known = answers if any(start >= 0 for _, start in answers) else None
                name = str(item["id"])
                examples.append(Example(name, {"context": context, "question": item["question"]}, known, name))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not in the format of CMRC2018 (data, paragraphs, qas, answers): {error!r}"
        ) from error
    notes = []
    if misplaced:
        notes.append(f"{path.name}: {misplaced} answers are not at their answer_start (kept as they are)")
    if placeholders and labelled:
        notes.append(f"{path.name}: {placeholders} placeholder answers at -1")
    return FileRows(examples, len(examples), notes)


def _cmrc_answers(context: str, item: Mapping[str, Any], *, labelled: bool) -> list[tuple[str, int]]:
    """Answers of a question as (text, first character), checked."""
    if not item["question"].strip() or not context.strip():
        raise _Problem("the question or its context is empty")
    answers = [(answer["text"], int(answer["answer_start"])) for answer in item.get("answers", ())]
    for answer, start in answers:
        if start >= len(context):
            raise _Problem(f"answer {answer!r} at {start} lies beyond the context of {len(context)} characters")
    if labelled and not answers:
        raise _Problem(f"question {item['id']} has no answer")
    if labelled and all(start < 0 for _, start in answers):
        raise _Problem(f"question {item['id']} has placeholder answers only")
    return answers


def read_c3(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """A list of [lines, questions, id]; the first test file leaves out the id."""
    text, document = json_document(path, list)
    examples: list[Example] = []
    surplus = 0  # the second test file has a few questions with up to ten choices
    try:
        for position, (passage, questions, *rest) in enumerate(document):
            document_id = rest[0] if rest else position  # the first test file has no ids
            for number, item in enumerate(questions):
                choices, answer = item["choice"], item.get("answer")

                def refuse(problem: str, needle: str = str(item["question"])) -> InputError:
                    return place_of(path, text, needle).refuse(problem)

                surplus += len(choices) > spec.n_choices
                if len(choices) < 2 or (labelled and len(choices) > spec.n_choices):
                    raise refuse(f"{len(choices)} choices, expected 2 to {spec.n_choices}")
                if not str(item["question"]).strip() or not all(str(line).strip() for line in choices):
                    raise refuse("a question or a choice is empty", str(document_id))
                if labelled and answer not in choices:
                    raise refuse(f"answer {answer!r} is not among the choices {choices}")
                name = str(item.get("id", f"{document_id}-{number}"))
                fields = {"passage": list(passage), "question": item["question"], "choice": list(choices)}
                examples.append(Example(name, fields, choices.index(answer) if answer in choices else None, name))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not in the format of C3 (passage, questions, id): {error!r}") from error
    notes = [f"{path.name}: {surplus} questions with more than {spec.n_choices} choices (kept)"] if surplus else []
    return FileRows(examples, len(examples), notes)


def read_chid(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """CLUE's lines with several blanks and the answers in another file, or FewCLUE's with one blank and its answer."""
    answers_path = path.with_name(f"{path.stem}_answer.json")
    answers: dict[str, Any] = {}
    if answers_path.is_file():
        answers = json_document(answers_path, dict)[1]
    examples: list[Example] = []
    n_candidates = 0
    rows = 0
    for place, row in json_lines(path):
        missing = [name for name in ("content", "candidates") if name not in row]
        if missing:
            raise place.refuse(f"field {missing[0]!r} is missing (fields here: {', '.join(row)})")
        candidates = texts_in(row["candidates"], place, "candidates")
        n_candidates = n_candidates or len(candidates)
        if len(candidates) != n_candidates or n_candidates < 2:
            raise place.refuse(f"{len(candidates)} candidates, the first row has {n_candidates}")
        contents = row["content"]
        if isinstance(contents, str):  # FewCLUE: one passage, one nameless blank, the answer in the row
            blank = f"#idiom{rows:06d}#"
            contents = [contents.replace("#idiom#", blank)]
            if row.get("answer") is not None:
                answers[blank] = row["answer"]
        for content in texts_in(contents, place, "content"):
            for blank in BLANK.findall(content):
                label = _chid_answer(answers, blank, n_candidates, place, labelled=labelled)
                fields = {"content": content, "blank": blank, "candidates": candidates}
                examples.append(Example(blank, fields, label, f"{path.stem}:{place.line}"))
        if not any(BLANK.search(content) for content in contents):
            raise place.refuse("no blank of the form #idiom000000# in the passages")
        rows += 1
    return FileRows(examples, rows, [f"{path.name}: {n_candidates} candidates a blank"] if rows else [])


def _chid_answer(
    answers: Mapping[str, Any], blank: str, n_candidates: int, place: Place, *, labelled: bool
) -> int | None:
    if blank not in answers:
        if labelled:
            raise place.refuse(f"blank {blank} has no answer (looked in {place.path.stem}_answer.json)")
        return None
    answer = answers[blank]
    if not isinstance(answer, int) or not 0 <= answer < n_candidates:
        raise place.refuse(f"answer {answer!r} of blank {blank} is not an index below {n_candidates}")
    return answer
