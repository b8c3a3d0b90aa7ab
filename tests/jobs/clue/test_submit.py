import json
import os
import zipfile
from pathlib import Path

import pytest

from engine.text.tasks import TASKS
from jobs import submit
from jobs.cli import InputError
from jobs.clue import submission
from jobs.clue.data import sources as clue_data
from store import runs
from store.ingest import ingest


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A data folder with a test file of AFQMC and an empty store."""
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    data = tmp_path / "data"
    (data / "afqmc").mkdir(parents=True)
    rows = [{"id": i, "sentence1": "一", "sentence2": "二"} for i in range(3)]
    for name in ("train", "dev"):
        labelled = [json.dumps({**row, "label": "0"}) for row in rows]
        (data / "afqmc" / f"{name}.json").write_text("\n".join(labelled), encoding="utf-8")
    (data / "afqmc" / "test.json").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def _run(world, *, parent=None, preds=None, task="afqmc"):
    db = world / "x.duckdb"
    config = {"task": [task], "data_dir": str(world / "data")}
    with runs.start(
        "clue", config=config, command="python -m jobs.clue", config_hash="h", db=db, task=task, parent_run_id=parent,
        follow=False,
    ) as run:  # fmt: skip
        if preds is not None:
            spec = TASKS[task]
            examples = clue_data.load_tests(spec, data_dir=world / "data")["1.0"]
            path = submission.write(spec, "1.0", examples, preds, run.folder)
            run.artifact(path.name, "submission", path)
    ingest(db, force=True)
    return run


def test_the_files_of_a_parents_children_are_packed(world, capsys):
    parent = _run(world)
    _run(world, parent=parent.run_id, preds=[0, 0, 0])
    child = _run(world, parent=parent.run_id, preds=[1, 0, 1])
    target = submit.submit(submit.Config(parent=parent.run_id, db=world / "x.duckdb", output=world / "out.zip"))
    with zipfile.ZipFile(target) as archive:
        lines = archive.read("afqmc_predict.json").decode().splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["1", "0", "1"]
    assert child.run_id in capsys.readouterr().out


def test_a_file_that_no_longer_fits_its_test_file_stops_the_zip(world):
    run = _run(world, preds=[1, 0, 1])
    path = world / "data" / "afqmc" / "test.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"id": 1', '"id": 9'), encoding="utf-8")
    with pytest.raises(InputError, match=r"afqmc_predict.json:2: id '1', but the test file has '9' there"):
        submit.submit(submit.Config(runs=(run.run_id,), db=world / "x.duckdb", output=world / "out.zip"))
    assert not (world / "out.zip").exists()


def test_a_file_that_is_gone_is_named(world):
    run = _run(world, preds=[1, 0, 1])
    (run.folder / "afqmc_predict.json").unlink()
    with pytest.raises(InputError, match=r"the submission file of run .* is gone"):
        submit.submit(submit.Config(runs=(run.run_id,), db=world / "x.duckdb", output=world / "out.zip"))


def test_runs_without_submissions_are_refused(world):
    run = _run(world)
    with pytest.raises(InputError, match="no submission files among the runs of"):
        submit.submit(submit.Config(parent=run.run_id, db=world / "x.duckdb", output=world / "out.zip"))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    file = tmp_path / "tnews_predict.json"
    file.write_bytes(os.urandom(1 << 16))
    (tmp_path / f".all.zip.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"cannot write .*all\.zip: No space left on device"):
        submit.pack([submit.Packed("tnews", "run", file, 1)], tmp_path / "all.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["tnews_predict.json"]
