"""Files of predictions as programs write them: every answer goes to its own example, or the file is refused."""

import gzip
import json

import numpy as np
import pytest

from engine.evidence import metrics
from engine.text.tasks import TASKS
from jobs.cli import InputError
from jobs.clue.data import sources
from jobs.evaluate import answers, predictions, start
from jobs.evaluate.config import Config

TNEWS = TASKS["tnews"]
LABELS = ["100", "101", "102", "103"]
ROWS = [{"id": i, "sentence": f"标题{i}", "label": LABELS[i % 4]} for i in range(8)]
GIVEN = [{"id": row["id"], "prediction": row["label"]} for row in ROWS]
TABLE = "id,prediction\n" + "".join(f"{row['id']},{row['prediction']}\n" for row in GIVEN)


def lines(rows, end="\n"):
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows).encode()


def changed(**values):
    return [{**row, **values} for row in GIVEN]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "tnews").mkdir()
    for name in ("train", "dev"):
        (folder / "tnews" / f"{name}.json").write_bytes(lines(ROWS))
    filler = [{**row, "label": "100"} for row in ROWS]
    (folder / "tnews" / "test.json").write_bytes(lines(filler))
    return folder


def read(folder, name, content, data_dir):
    """The answers of a file of this content, paired and translated; no run is stored."""
    path = folder / name
    path.write_bytes(content)
    data = sources.load(TNEWS, data_dir=data_dir)
    paired = answers.pair(TNEWS, data.dev, answers.read(path), path)
    return paired, predictions.translate(TNEWS, paired)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"\xef\xbb\xbf" + lines(GIVEN, "\r\n")),
        ("a.jsonl", lines(GIVEN, "\n\n")),
        ("a.jsonl", gzip.compress(lines(GIVEN), mtime=0)),
        ("a.jsonl", lines(changed(note="a\u2028b\u0085c"))),
        ("a.jsonl", lines([{"id": float(row["id"]), "prediction": row["prediction"]} for row in reversed(GIVEN)])),
        ("a.jsonl", lines([{**row, "id": f" {row['id']} "} for row in reversed(GIVEN)])),
        ("a.jsonl", lines(changed(id=None))),
        ("a.jsonl", lines(changed(confidence=float("inf")))),
        ("a.csv", TABLE.encode("utf-16")),
        ("a.csv", TABLE.replace("\n", "\r\n\r\n").encode("utf-8-sig")),
        ("a.json", json.dumps({str(row["id"]): row["prediction"] for row in GIVEN}).encode()),
    ],
)
def test_every_answer_finds_its_example(tmp_path, data_dir, name, content):
    paired, mapped = read(tmp_path, name, content, data_dir)
    assert len(paired.examples) == len(ROWS)
    assert metrics.score(TNEWS, paired.examples, mapped.decoded.predictions)["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines([*GIVEN, GIVEN[0]]), "id '0' occurs twice"),
        (lines(changed(probabilities="[0.1")), "row 1: its probabilities are no JSON"),
        (b'{"id": 0, "prediction": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deeply"),
        (lines(GIVEN).replace(b'"101"', b'"101\x00"'), "a zero byte"),
        (b"\n\n", "expected JSON objects"),
    ],
)
def test_what_cannot_be_paired_or_read_is_refused(tmp_path, data_dir, content, said):
    with pytest.raises(InputError, match=said):
        read(tmp_path, "a.jsonl", content, data_dir)


def test_rows_without_an_id_among_others_are_counted_and_left_out(tmp_path, data_dir):
    rows = [row if number not in (2, 5) else {**row, "id": None} for number, row in enumerate(GIVEN)]
    examples = sources.load(TNEWS, data_dir=data_dir).dev
    found = answers.pair(TNEWS, examples, rows, tmp_path / "a.jsonl")
    assert (len(found.rows), found.without_example, found.unanswered) == (6, 2, 2)
    assert [example.example_id for example in found.examples] == [str(row["id"]) for row in found.rows]


def test_a_confidence_that_is_no_share_is_none(tmp_path, data_dir):
    content = lines(
        [{**row, "confidence": value} for row, value in zip(GIVEN, (0.5, 7, -1, "high", 1, 0, 1e9, None), strict=True)]
    )
    kept = read(tmp_path, "a.jsonl", content, data_dir)[1].decoded.confidence
    np.testing.assert_array_equal(kept, [0.5, np.nan, np.nan, np.nan, 1, 0, np.nan, np.nan])


def test_fillers_in_a_test_file_are_not_scored(tmp_path, data_dir):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(GIVEN))
    config = Config(task="tnews", predictions=path, data_dir=data_dir, db=tmp_path / "x.duckdb", split="test")
    with pytest.raises(InputError, match=r"cannot be scored \(all its labels are the same\); use --split dev"):
        start.run(config)
