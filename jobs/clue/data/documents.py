"""Files that are not one example a line: CMRC2018 and C3 (one document), ChID (several blanks a line)."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from engine.text.choice import BLANK
from engine.text.span import locate_answer
from engine.text.tasks import Example, TaskSpec
from jobs.cli import InputError
from jobs.clue.data.parsing import (
    FileRows,
    Place,
    is_blank,
    json_document,
    json_lines,
    note_blank,
    place_of,
    texts_in,
)
from jobs.text_lines import read_text


def read_cmrc(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """SQuAD-like (data, paragraphs, context, qas, answers) or flat rows of context, question and answers.

    Answers are a list of {text, answer_start}, or the hub's two lists; one at -1 is a placeholder, and one that does
    not stand at its answer_start is moved to the nearest place that reads like it. Where answers are needed, questions
    without one and blank ones are left out and counted.
    """
    notes: list[str] = []
    examples: list[Example] = []
    moved = nowhere = placeholders = blank = rows = 0
    without: list[str] = []
    try:
        for place, context, item in _questions(path, notes):
            question, name, rows = item["question"], str(item["id"]), rows + 1
            context, question = ("" if text is None else text for text in (context, question))
            if not isinstance(context, str) or not isinstance(question, str):
                raise place().refuse(f"question {name}: context and question must be texts")
            answers = _answers(item, place)
            placeholders += sum(start < 0 for _, start in answers)
            known = []
            for text, start in answers:
                at = locate_answer(context, text, start) if start >= 0 else start
                moved += at is not None and at != start
                nowhere += at is None
                known.append((text, start if at is None else at))
            usable = any(start >= 0 for _, start in known)
            empty = is_blank([context, question])
            blank += empty
            if labelled and (empty or not usable):
                without += [] if empty else [name]
                continue
            fields = {"context": context, "question": question}
            examples.append(Example(name, fields, known if usable else None, name))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not in the format of CMRC2018 (data, paragraphs, qas, answers): {error!r}"
        ) from error
    if moved:
        notes.append(f"{path.name}: {moved} answers were not at their answer_start and are moved to the nearest place")
    if nowhere:
        notes.append(f"{path.name}: {nowhere} answers are nowhere in their context (kept, but not taught)")
    if placeholders and labelled:
        notes.append(f"{path.name}: {placeholders} placeholder answers at -1")
    if without:
        named = ", ".join(without[:3]) + (", ..." if len(without) > 3 else "")
        notes.append(f"{path.name}: {len(without)} questions without an answer left out ({named})")
    return FileRows(examples, rows, notes + note_blank(path, blank, labelled=labelled))


Where = Callable[[], Place]


def _questions(path: Path, notes: list[str]) -> Iterator[tuple[Where, str, dict[str, Any]]]:
    """Place, context and item of every question."""
    text = read_text(path)
    if '"paragraphs"' not in text:
        for place, row in json_lines(path, notes):
            rows = row["data"] if isinstance(row.get("data"), list) else [row]
            for item in rows:
                yield partial(_same, place), item["context"], item
        return
    text, document = json_document(path, dict, notes)
    for paragraph in (p for entry in document["data"] for p in entry["paragraphs"]):
        for item in paragraph["qas"]:
            yield partial(place_of, path, text, str(item["id"])), paragraph["context"], item


def _same(place: Place) -> Place:
    return place


def _answers(item: Mapping[str, Any], place: Where) -> list[tuple[str, int]]:
    """Answers of a question as (text, first character), in either form."""
    found = item.get("answers") or []
    if isinstance(found, Mapping):
        texts, starts = found["text"], found["answer_start"]
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise place().refuse(f"question {item['id']}: answers needs as many texts as answer_starts")
    else:
        texts, starts = ([answer[name] for answer in found] for name in ("text", "answer_start"))
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if wrong is not None:
        raise place().refuse(f"question {item['id']}: answer {wrong!r} is not a text")
    return [(text, int(start)) for text, start in zip(texts, starts, strict=True)]


def read_c3(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """A list of [lines, questions, id]; the first test file leaves out the id."""
    notes: list[str] = []
    text, document = json_document(path, list, notes)
    examples: list[Example] = []
    blank = rows = 0
    surplus = 0  # the second test file has a few questions with up to ten choices
    try:
        for position, (passage, questions, *rest) in enumerate(document):
            document_id = rest[0] if rest else position  # the first test file has no ids
            passage = _without_none(passage)
            for number, item in enumerate(questions):
                choices, answer = _without_none(item["choice"]), item.get("answer")
                question = "" if item["question"] is None else item["question"]

                def refuse(problem: str, needle: str = str(item["question"])) -> InputError:
                    return place_of(path, text, needle).refuse(problem)

                for name, texts in (("passage", passage), ("question", [question]), ("choice", choices)):
                    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
                        raise refuse(f"{name} must be {'a text' if name == 'question' else 'a list of texts'}")
                rows += 1
                if is_blank([question, "".join(passage), *choices]) or not choices:
                    blank += 1
                    if labelled:
                        continue
                surplus += len(choices) > spec.n_choices
                if labelled and not 2 <= len(choices) <= spec.n_choices:
                    raise refuse(f"{len(choices)} choices, expected 2 to {spec.n_choices}")
                if labelled and answer not in choices:
                    raise refuse(f"answer {answer!r} is not among the choices {choices}")
                name = str(item.get("id", f"{document_id}-{number}"))
                choices = choices or [""]
                fields = {"passage": passage, "question": question, "choice": choices}
                examples.append(Example(name, fields, choices.index(answer) if answer in choices else None, name))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not in the format of C3 (passage, questions, id): {error!r}") from error
    if surplus:
        notes.append(f"{path.name}: {surplus} questions with more than {spec.n_choices} choices (kept)")
    return FileRows(examples, rows, notes + note_blank(path, blank, labelled=labelled))


def _without_none(value: Any) -> Any:
    """A list with empty texts where it has none, an empty one for none; anything else as it is."""
    if value is None:
        return []
    return ["" if item is None else item for item in value] if isinstance(value, list) else value


def read_chid(spec: TaskSpec, path: Path, *, labelled: bool) -> FileRows:
    """CLUE's lines with several blanks and the answers in another file, or FewCLUE's with one blank and its answer."""
    answers_path = path.with_name(f"{path.stem}_answer.json")
    answers: dict[str, Any] = {}
    if answers_path.is_file():
        answers = json_document(answers_path, dict)[1]
    examples: list[Example] = []
    notes: list[str] = []
    blank_rows = 0
    lines = list(json_lines(path, notes))
    n_candidates = next((len(row["candidates"]) for _, row in lines if isinstance(row.get("candidates"), list)
                         and row["candidates"]), 0)  # fmt: skip
    for number, (place, row) in enumerate(lines):
        missing = [name for name in ("content", "candidates") if name not in row]
        if missing:
            raise place.refuse(f"field {missing[0]!r} is missing (fields here: {', '.join(row)})")
        candidates = texts_in(row["candidates"], place, "candidates")
        if n_candidates < 2 or len(candidates) not in (0, n_candidates):
            raise place.refuse(f"{len(candidates)} candidates, the first row has {n_candidates}")
        contents = _chid_passages(row, number, answers, place)
        given = row["content"] if isinstance(row["content"], list) else [row["content"] or ""]
        empty = is_blank(candidates) or all(map(is_blank, given))
        blank_rows += empty
        if empty and labelled:
            continue
        for content in contents:
            for blank in BLANK.findall(content):
                label = _chid_answer(answers, blank, n_candidates, place, labelled=labelled)
                fields = {"content": content, "blank": blank, "candidates": candidates or [""] * n_candidates}
                examples.append(Example(blank, fields, label, f"{path.stem}:{place.line}"))
        if not empty and not any(map(BLANK.search, contents)):
            raise place.refuse("no blank of the form #idiom000000# in the passages")
    if lines:
        notes.append(f"{path.name}: {n_candidates} candidates a blank")
    return FileRows(examples, len(lines), notes + note_blank(path, blank_rows, labelled=labelled))


def _chid_passages(row: Mapping[str, Any], number: int, answers: dict[str, Any], place: Place) -> list[str]:
    """Passages of a row with named blanks; FewCLUE's one passage has a nameless one and its answer beside it."""
    contents = row["content"]
    if contents is not None and not isinstance(contents, str):
        return texts_in(contents, place, "content")
    blank = f"#idiom{number:06d}#"
    if row.get("answer") is not None:
        answers[blank] = row["answer"]
    content = (contents or "").replace("#idiom#", blank)
    return [content + blank if is_blank(content) else content]


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
