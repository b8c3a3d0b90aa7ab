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


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def message(*parts):
    """Fields (number, bytes) of a protocol buffer message."""
    return b"".join(varint(number << 3 | 2) + varint(len(data)) + data for number, data in parts)


def restart(step):
    return record(b"\x09" + struct.pack("<d", 1e9 + 50) + b"\x10" + bytes([step]) + message((7, b"\x08\x01")))


def test_a_restarted_writer_voids_what_follows_its_step(tmp_path):
    db, folder = tmp_path / "r.duckdb", tmp_path / "run"
    folder.mkdir()
    points = [event(step, "loss", 0.5) for step in range(13)]
    (folder / "events.out.tfevents.1").write_bytes(b"".join(points))
    (folder / "events.out.tfevents.2").write_bytes(restart(5) + event(5, "loss", 0.25))
    done = import_from(folder, db=db)
    assert queries.table_of_run("metrics", done.new[0], db=db)["step"].sort().to_list() == [0, 1, 2, 3, 4, 5]


def test_a_file_that_arrives_later_is_merged(tmp_path):
    db, folder = tmp_path / "r.duckdb", tmp_path / "run"
    folder.mkdir()
    (folder / "events.out.tfevents.1").write_bytes(b"".join(event(step, "loss", 0.5) for step in (0, 1, 8, 9)))
    first = import_from(tmp_path, db=db)
    (folder / "events.out.tfevents.2").write_bytes(b"".join(event(step, "loss", 0.25) for step in (4, 5)))
    again = import_from(folder, db=db)  # and from another folder than before
    assert again.grown == first.new
    assert queries.table_of_run("metrics", first.new[0], db=db).height == 6
    assert queries.summary(first.new, db)["value"].to_list() == [0.5]
    assert import_from(tmp_path, db=db).same == first.new


@pytest.mark.parametrize("content", [b"\0" * 1000, b"Mac OS X resource fork", b"", b"\x01"], ids=len)
def test_a_file_that_is_no_event_file_stops_nothing(tmp_path, content):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "events.out.tfevents.1").write_bytes(event(0, "loss", 0.5))
    (folder / "._events.out.tfevents.1").write_bytes(content)
    done = import_from(tmp_path, db=tmp_path / "r.duckdb")
    assert len(done.new) == 1
    assert all("is not a TensorBoard event file" in why for why in done.left_out.values())
    assert len(done.left_out) == bool(content)


def test_links_to_folders_are_followed_once(tmp_path):
    elsewhere = tmp_path / "disk" / "run"
    elsewhere.mkdir(parents=True)
    (elsewhere / "events.out.tfevents.1").write_bytes(event(0, "loss", 0.5))
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "linked").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(logs)
    done = import_from(logs, db=tmp_path / "r.duckdb")
    assert len(done.new) == 1


def test_parameters_and_texts_of_a_summary_writer(tmp_path):
    pytest.importorskip("tensorboard")
    code = """
import sys
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter(sys.argv[1] + "/run")
for step in range(3):
    writer.add_scalar("val_acc", step / 3, step)
writer.add_text("说明", "第一次")
writer.add_hparams({"lr": 0.1, "layers": 4, "name": "bert", "fast": True}, {"hparam/best": 0.5})
writer.close()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True)
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path, db=db)
    assert len(done.new) == 1
    row = queries.run(done.new[0], db)
    assert row["note"] == "说明: 第一次"
    stored = dict(queries.params(done.new, db).select("name", "value").iter_rows())
    assert stored == {"lr": "0.1", "layers": "4", "name": '"bert"', "fast": "1"}
    assert set(queries.summary(done.new, db)["name"]) == {"dev/accuracy", "hparam/best"}
    assert set(done.not_understood) <= {"a value without content '_hparams_/experiment'"}
