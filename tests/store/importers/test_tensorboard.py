"""Import of TensorBoard event files."""

import struct
import subprocess
import sys

import pytest

from store import queries
from store.importers.into_spools import import_from
from store.importers.tensorboard import masked_crc32c


def record(data):
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_crc32c(head)) + data + struct.pack("<I", masked_crc32c(data))


def event(step, tag, value):
    inner = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    return record(
        b"\x09" + struct.pack("<d", 1e9 + step) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    )


def test_masked_crc_of_a_known_string():
    crc = 0xE3069283  # CRC-32C of "123456789"
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_import_of_event_files_by_hand(tmp_path):
    db, folder = tmp_path / "r.duckdb", tmp_path / "logs" / "run-a"
    folder.mkdir(parents=True)
    file = folder / "events.out.tfevents.1"
    file.write_bytes(b"".join(event(step, "train/loss", 1 / (step + 1)) for step in range(4)) + b"torn")
    first = import_from(tmp_path / "logs", db=db)
    assert queries.curves(first.new[0], db=db)["value"].to_list() == pytest.approx([1, 0.5, 1 / 3, 0.25])
    assert list(first.not_understood) == [f"{file.name}: unfinished record at byte {len(file.read_bytes()) - 4}"]
    file.write_bytes(b"".join(event(step, "train/loss", 1 / (step + 1)) for step in range(5)))
    assert len(import_from(tmp_path / "logs", db=db).grown) == 1
    assert len(queries.curves(first.new[0], db=db)) == 5
    assert queries.run(first.new[0], db)["model"] == "run-a"


def test_import_of_event_files_written_by_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    code = """
import sys
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
writer = EventFileWriter(sys.argv[1])
for step in range(20):
    value = Summary.Value(tag="train/loss", simple_value=1 / (step + 1))
    writer.add_event(Event(wall_time=1e9 + step, step=step, summary=Summary(value=[value])))
histogram = Summary.Value(tag="weights", histo=HistogramProto(min=0, max=1))
writer.add_event(Event(wall_time=2e9, step=21, summary=Summary(value=[histogram])))
writer.close()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "logs" / "a")], check=True)
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path / "logs", db=db)
    assert queries.curves(done.new[0], db=db)["value"].to_list() == pytest.approx(
        [1 / (step + 1) for step in range(20)]
    )
    assert done.not_understood == {"histogram 'weights'": 1}
