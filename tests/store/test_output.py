"""What is printed when nobody can read it any more."""

import io
import os
import sys
import weakref
from contextlib import suppress
from pathlib import Path

import pytest

from store import queries
from store.output import can_write, outlived
from store.spool import file


@pytest.fixture
def gone(monkeypatch):
    """A function that puts a pipe without a reader, or a full disk, in the place of standard output."""
    streams = []
    monkeypatch.setattr(file, "_OPEN", weakref.WeakSet())  # not the runs that another test left as if killed

    def put(kind):
        if kind == "pipe":
            reader, writer = os.pipe()
            os.close(reader)
            streams.append(os.fdopen(writer, "w"))
        else:
            streams.append(Path("/dev/full").open("w", encoding="utf-8"))  # noqa: SIM115
        monkeypatch.setattr(sys, "stdout", streams[-1])

    yield put
    monkeypatch.undo()
    for stream in streams:
        with suppress(OSError):
            stream.close()


def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()


@outlived()
def listing(said):
    for number in range(100_000):
        sys.stdout.write(f"line {number}\n")
        said.append(number)


def test_a_listing_ends_without_a_word_when_its_reader_leaves(gone):
    gone("pipe")
    said = []
    with pytest.raises(SystemExit) as end:
        listing(said)
    assert end.value.code == 0
    assert 0 < len(said) < 100_000


def test_few_lines_that_nobody_reads_are_no_error_either(gone):
    gone("pipe")
    with pytest.raises(SystemExit) as end:
        outlived()(sys.stdout.write)("one")
    assert end.value.code == 0


def test_what_an_encoding_lacks_is_written_as_its_code(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="gb2312"))
    assert can_write("新闻")
    assert not can_write("😀")
    outlived()(write)("新闻 😀 \udc80 ß")
    assert written.getvalue().decode("gb2312") == "新闻 \\U0001f600 \\udc80 \\xdf"


def test_a_standard_output_that_was_never_there_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    written = outlived()(lambda: sys.stdout.write("one"))()
    assert written == 3
    assert sys.stdout is None


def test_a_full_disk_is_said_where_no_run_is_open(gone):
    gone("disk")
    with pytest.raises(OSError, match="No space left"):
        outlived()(write)("one")


@pytest.mark.parametrize("kind", ["pipe", "disk"])
def test_a_run_goes_on_when_its_output_cannot_be_written(kind, gone, start, db):
    gone(kind)
    with outlived(), start() as run:
        for step in range(3):
            write("x" * 10_000)
            run.log({"loss": float(step)}, step=step)
    queries.refresh(db)
    stored = queries.run(run.run_id, db)
    assert stored["status"] == "finished"
    assert queries.table_of_run("metrics", run.run_id, db).sort("step")["value"].to_list() == [0.0, 1.0, 2.0]
