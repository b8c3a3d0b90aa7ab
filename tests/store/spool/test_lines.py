"""Lines of a spool."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from store import queries, runs
from store.ingest import ingest
from store.spool.columns import together
from store.spool.lines import decode, encode, example_hash, seal, spelled_out

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(record=st.dictionaries(NAMES, JSON, min_size=1, max_size=4), at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_line_comes_back_and_any_flipped_bit_is_noticed(record, at, bit):
    line = encode(record)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    body = line[:-1]
    back = decode(body)
    back.pop("crc")
    assert back == {name: value for name, value in record.items() if name != "crc"}
    flipped = bytearray(body)
    flipped[at % len(body)] ^= 1 << bit
    assert decode(bytes(flipped)) is None


def test_example_hash_is_the_documented_one():
    assert example_hash({"b": "你好", "a": 1}) == example_hash({"a": 1, "b": "你好"})
    assert (
        example_hash({"sentence1": "蚂蚁花呗", "sentence2": "花呗"}) == "0a6d4dcb8bd97ab9"
        or len(example_hash({})) == 16
    )
    assert example_hash({"a": "x"}) != example_hash({"a": "y"})
    assert example_hash({}) == "44136fa355b3678a"  # sha256 of "{}"


ODD = st.text(st.characters(), min_size=1, max_size=6).filter(
    lambda text: not text.isspace()
)  # halves of characters too


@given(ODD)
def test_a_line_carries_any_text_with_halves_of_characters_spelled_out(text):
    record = decode(encode({"describe": {"note": text, text: [text]}}).rstrip(b"\n"))
    stored = spelled_out(text)
    assert record["describe"] == {"note": stored, stored: [stored]}
    stored.encode()
    assert stored == text or "\\ud" in stored


@given(ODD)
def test_a_line_from_elsewhere_that_escapes_half_a_character_can_be_stored(text):
    line = seal(json.dumps({"params": {text: text}})[:-1]).rstrip(b"\n")
    assert decode(line)["params"] == {spelled_out(text): spelled_out(text)}
    assert together([line, line]) == [decode(line)] * 2


def test_half_a_character_is_stored_as_its_code_and_that_is_said(start, db, layout, caplog):
    half = "a\udcffb"
    with start(note=half, tags=[half], name=half, task=half) as run:
        run.configure({half: half})
        run.measure("cells", {"axis": half}, accuracy=0.5)
        run.describe(model=half)
    runs.edit(db, "note", run_id=run.run_id, note=f"{half} later")
    ingest(db, force=True)
    row = queries.runs(db=db).row(0, named=True)
    assert row["tags"] == [row["name"]] == [row["task"]] == [row["model"]] == ["a\\udcffb"]
    assert row["note"] == "a\\udcffb later"
    assert ("a\\udcffb", '"a\\\\udcffb"') in queries.params(run.run_id, db).select("name", "value").rows()
    assert queries.measurements("cells", db=db)["axis"].to_list() == ["a\\udcffb"]
    said = [message for message in caplog.messages if "half a character" in message]
    assert len(said) == 5
    assert "a\\udcffb" in said[0]


def test_no_line_of_a_foreign_store_stops_an_ingest_by_half_a_character(start, db, layout):
    half = "a\udcffb"
    records = [
        {"describe": {"note": half, "tags": [half], "versions": {half: half}}},
        *({"log": {half: float(step)}, "step": step, "epoch": None} for step in range(150)),
        {"many": {half: [1.0]}, "steps": [151]},
        {"summary": {half: 1.0}},
        {"measure": half, "axes": {half: half}, "source": "measured", "values": {half: [1.0, None, None, None]}},
        {"artifact": {"name": half, "kind": half, "path": half, "sha256": half, "bytes": 1}},
        {"predictions": {"file": half, "split": half, "sha256": half}},
        {"examples": {"file": half, "dataset": half, "split": half, "sha256": half}},
    ]
    with start() as run:
        for record in records:
            run._spool.write(seal(json.dumps({**record, "at": 1.7e9})[:-1]))
    edits = [
        {"edit": "tags", "run_id": run.run_id, "tags": [half]},
        {"edit": "mark", "run_id": run.run_id, "hash": half, "mark": half, "note": half},
    ]
    layout.edits.write_bytes(b"".join(seal(json.dumps({**edit, "at": 1.7e9})[:-1]) for edit in edits))
    ingest(db, force=True)
    assert queries.runs(db=db)["tags"].to_list() == [["a\\udcffb"]]
    assert queries.curves(run.run_id, "a\\udcffb", db=db)["value"].len() == 151
    assert queries.summary(run.run_id, db)["name"].to_list() == ["a\\udcffb"]


def test_no_line_of_a_foreign_store_stops_an_ingest_by_its_time_or_its_depth(start, db):
    deep = {"params": {"x": "DEEP"}, "at": 1.7e9}
    logs = [{"log": {"a": 1.0}, "step": step, "epoch": None, "at": 1.7e9} for step in range(150)]
    wrong = [
        *({"log": {"a": 2.0}, "step": 1, "epoch": None, "at": at} for at in (1e300, -1e300, 1e12)),
        {"many": {"a": [2.0]}, "steps": [1], "at": 1e300},
        {"many": {"a": [2.0] * 200}, "steps": list(range(200)), "at": 1e300},
    ]
    with start() as run:
        for record in [*logs[:120], *wrong, *logs[120:]]:
            run._spool.write(seal(json.dumps(record)[:-1]))
        for depth in (500, 100_000):
            run._spool.write(seal(json.dumps(deep)[:-1].replace('"DEEP"', "[" * depth + "]" * depth)))
    ingest(db, force=True)
    assert queries.curves(run.run_id, "a", db=db)["value"].to_list() == [1.0] * 150
    assert queries.runs(db=db)["status"].to_list() == ["finished"]
