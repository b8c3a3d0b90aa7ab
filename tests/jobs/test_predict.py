"""Rows to answer from files and from standard input: answer i belongs to row i, whatever the rows hold."""

import gzip
import io
import json
import sys

import pytest

from jobs import predict
from jobs.cli import InputError
from jobs.clue.config import Config as ClueConfig
from jobs.clue.start import run

ROWS = [{"sentence": f"{word}的标题{i}", "label": label} for i in range(6) for word, label in
        (("球队", "103"), ("股票", "114"))]  # fmt: skip
ODD = ["球队赢了", "", " \u3000", "a\u2028b", "长" * 5_000, "\x00"]


def lines(rows, end="\n"):
    return "".join(json.dumps(row) + end for row in rows).encode()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    (folder / "data" / "tnews").mkdir(parents=True)
    for name in ("train", "dev"):
        (folder / "data" / "tnews" / f"{name}.json").write_bytes(lines(ROWS))
    db = folder / "x.duckdb"
    run(ClueConfig(task=("tnews",), model="ngram", data_dir=folder / "data", db=db))
    return db


class Pipe:
    """Standard input of these bytes."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def answered(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("ids", ["none", "own", "double", "null"])
def test_a_row_of_a_file_has_the_answer_in_its_line(trained, tmp_path, capsys, ids):
    rows = [{"sentence": text} for text in [*ODD, "好\ud83d"]]
    given = {"own": range(10, 17), "double": [3] * 7, "null": [None] * 7}.get(ids)
    rows = [{**row, "id": value} for row, value in zip(rows, given, strict=True)] if given else rows
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + lines(rows, "\r\n"))
    predict.predict(predict.Config(run="latest", input=path, db=trained))
    found = answered(capsys)
    assert len(found) == 7
    expected = [str(value) for value in given] if ids in ("own", "double") else [str(i) for i in range(7)]
    assert [line["id"] for line in found] == expected
    assert found[0]["prediction"] == "103"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_standard_input_is_read_as_files_are(trained, monkeypatch, capsys, encoding, pack):
    texts = ["今天的球队赢了这场比赛，大家都很高兴", "", "今天的股票又涨停了，大盘也很好"]
    monkeypatch.setattr(sys, "stdin", Pipe(pack("\r\n".join(texts).encode(encoding))))
    predict.predict(predict.Config(run="latest", db=trained))
    found = answered(capsys)
    assert [line["id"] for line in found] == ["0", "1", "2"]
    assert [found[0]["prediction"], found[2]["prediction"]] == ["103", "114"]


@pytest.mark.parametrize(("content", "said"), [
    (b"\xff\xfe\x00\xd8", "standard input"), (b" \n", "standard input is empty"),
    (b'{"sentence": 3}', "standard input:1: 'sentence' must be a text"),
    (b'{"sentence": ' + b"[" * 500_000, "standard input:1: JSON nested too deeply"),
])  # fmt: skip
def test_what_is_wrong_in_standard_input_is_said_of_it(trained, monkeypatch, content, said):
    monkeypatch.setattr(sys, "stdin", Pipe(content))
    with pytest.raises(InputError, match=said):
        predict.predict(predict.Config(run="latest", db=trained))


def test_a_stream_answers_or_refuses_every_line_and_goes_on(trained, monkeypatch, capsys):
    good = json.dumps({"sentence": "球队"}).encode()
    odd = [
        b"\xff",
        b"[" * 50_000,
        b"{",
        b"3",
        b'{"sentence": "\\ud83d\xe7\x90\x83\xe9\x98\x9f"}',
        b'{"sentence": null}',
        b"",
    ]
    monkeypatch.setattr(sys, "stdin", Pipe(b"\n".join([*odd, good]) + b"\n"))
    predict.predict(predict.Config(run="latest", stream=True, db=trained))
    found = answered(capsys)[1:]
    assert len(found) == len(odd) + 1
    assert ["answers" in line for line in found] == [False, False, False, False, True, False, False, True]


def test_half_a_character_on_the_command_line_is_answered(trained, capsys):
    predict.predict(predict.Config(run="latest", text=("球队\udcff",), db=trained))
    assert "103" in capsys.readouterr().out
