"""The hub's copy of CLUE (`clue/clue`), written out in the official formats so that one reader reads everything.

The hub is asked only if it answers within seconds. `CLUEBOARD_HUB` names another data set or a local folder of one;
`CLUEBOARD_HUB=off` never asks.
"""

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.text.tasks import HUB_DATASET, TaskSpec
from jobs.caches import cache_folder

SECONDS = 2.0
"""how long the hub has to answer"""
_EXPORT = "clue-hub-1"


def fetch(spec: TaskSpec) -> Path | None:
    """A data folder with the task's files from the hub; None if the hub lacks the task or cannot be reached."""
    dataset = os.environ.get("CLUEBOARD_HUB", HUB_DATASET)
    if not spec.hub_config or dataset == "off":
        return None
    root = cache_folder() / _EXPORT / dataset.strip("/").replace("/", "--")
    if (root / spec.name).is_dir():
        return root
    if not Path(dataset).is_dir() and not reachable():
        return None
    try:
        splits = _load(dataset, spec.hub_config)
    except Exception as error:  # whatever goes wrong in a download, the sample is there
        print(f"the hub's {dataset} could not be loaded ({type(error).__name__}), going on without", file=sys.stderr)
        return None
    part = root / f".{spec.name}.{os.getpid()}"
    part.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        export(spec, split, rows, part)
    try:
        part.rename(root / spec.name)
    except OSError:  # another process was faster
        shutil.rmtree(part)
    return root


def reachable(seconds: float = SECONDS) -> bool:
    """True if the hub's host accepts a connection within the given time."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return False
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    try:
        with socket.create_connection((endpoint.hostname or "huggingface.co", port), timeout=seconds):
            return True
    except OSError:
        return False


def _load(dataset: str, config: str) -> dict[str, list[dict[str, Any]]]:
    """All splits as rows with class labels spelled out."""
    import datasets

    loaded = datasets.load_dataset(dataset, config)
    splits = {}
    for split, rows in loaded.items():
        label = rows.features.get("label")
        names = getattr(label, "names", None)
        plain = rows.to_list()
        if names:
            for row in plain:
                row["label"] = names[row["label"]] if row["label"] is not None and row["label"] >= 0 else None
        splits[str(split)] = plain
    return splits


def export(spec: TaskSpec, split: str, rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Write one split of the hub's data set as the official file (`train.json`, `dev.json` or `test.json`)."""
    name = {"validation": "dev", "train": "train", "test": "test"}.get(split)
    if name is None:  # trial sets and the like
        return
    rows = list(rows)
    match spec.layout:
        case "squad":
            _write_json(folder / f"{name}.json", _squad(rows))
        case "documents":
            _write_json(folder / f"{name}.json", _documents(rows))
        case "blanks":
            _write_blanks(rows, folder, name)
        case "rows":
            _write_lines(folder / f"{name}.json", [_line(spec, row, test=name == "test") for row in rows])


def _line(spec: TaskSpec, row: Mapping[str, Any], *, test: bool) -> dict[str, Any]:
    line: dict[str, Any] = {field: row[field] for field in spec.fields}
    if test:
        return {"id": row.get("idx", row.get("corpus_id")), **line}
    return {**line, "label": "-" if row.get("label") is None else row["label"]}


def _write_blanks(rows: Iterable[Mapping[str, Any]], folder: Path, name: str) -> None:
    """Passages with their candidates, and the answers in a file of their own where there are any."""
    _write_lines(folder / f"{name}.json", [{"content": r["content"], "candidates": r["candidates"]} for r in rows])
    answers = {
        blank: index
        for row in rows
        for blank, index in zip(row["answers"]["text"], row["answers"]["candidate_id"], strict=True)
    }
    if name != "test":
        _write_json(folder / f"{name}_answer.json", answers)


def _squad(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    paragraphs = []
    for row in rows:
        texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
        item = {"id": row["id"], "question": row["question"], "answers": answers}
        paragraphs.append({"context": row["context"], "id": row["id"], "qas": [item]})
    return {"version": "v1.0", "data": [{"paragraphs": paragraphs}]}


def _documents(rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    documents = []
    for row in rows:
        question = {"question": row["question"], "choice": row["choice"], "id": row["id"]}
        if row.get("answer"):
            question["answer"] = row["answer"]
        documents.append([row["context"], [question], str(row["id"])])
    return documents


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
