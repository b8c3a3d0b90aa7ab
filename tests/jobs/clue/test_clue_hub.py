import json

import datasets
import pytest

from engine.text.tasks import TASKS
from jobs.clue.data import hub as clue_hub
from jobs.clue.data import sources as clue_data

NLI = datasets.ClassLabel(names=["neutral", "entailment", "contradiction"])
TEXT, NUMBER = datasets.Value("string"), datasets.Value("int32")


def _stand_in(root, config, features, splits):
    """A local data set that `datasets` loads as it loads the hub's, one parquet file a split."""
    configs = [{"config_name": config, "data_files": [{"split": s, "path": f"{config}/{s}.parquet"} for s in splits]}]
    root.mkdir(parents=True, exist_ok=True)
    (root / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n", encoding="utf-8")
    (root / config).mkdir()
    for split, rows in splits.items():
        table = datasets.Dataset.from_list(rows, features=datasets.Features(features))
        table.to_parquet(str(root / config / f"{split}.parquet"))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLUEBOARD_HUB", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    return tmp_path / "hub"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_pair_task_comes_from_the_hub_with_its_labels(hub):
    row = {"sentence1": "一", "sentence2": "二"}
    _stand_in(
        hub,
        "ocnli",
        {"sentence1": TEXT, "sentence2": TEXT, "label": NLI, "idx": NUMBER},
        {
            "train": [{**row, "label": 0, "idx": 0}, {**row, "label": 2, "idx": 1}],
            "validation": [{**row, "label": 1, "idx": 0}, {**row, "label": -1, "idx": 1}],
            "test": [{**row, "label": -1, "idx": 7}],
        },
    )
    data = clue_data.load(TASKS["ocnli"])
    assert data.source == "hub"
    assert [example.label for example in data.train] == [1, 2]
    assert [example.label for example in data.dev] == [0]
    assert [(e.example_id, e.label) for e in data.tests["1.0"]] == [("7", None)]


@pytest.mark.parametrize(
    ("task", "row", "label"),
    [
        ("tnews", {"sentence": "一", "label": "108", "idx": 0}, 7),
        ("csl", {"idx": 0, "corpus_id": 3, "abst": "一", "label": "1", "keyword": ["二"]}, 1),
        (
            "cluewsc2020",
            {
                "idx": 0,
                "text": "小猫，它",
                "label": "true",
                "target": {"span1_text": "小猫", "span1_index": 0, "span2_text": "它", "span2_index": 3},
            },
            1,
        ),
        (
            "cmrc2018",
            {"id": "q", "context": "一二", "question": "三", "answers": {"text": ["二"], "answer_start": [1]}},
            [("二", 1)],
        ),
        ("c3", {"id": 4, "context": ["一"], "question": "二", "choice": ["三", "四"], "answer": "四"}, 1),
        (
            "chid",
            {
                "idx": 0,
                "candidates": ["一", "二"],
                "content": ["#idiom000001#"],
                "answers": {"text": ["#idiom000001#"], "candidate_id": [1]},
            },
            1,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_layout_of_the_hub_becomes_the_official_one(tmp_path, task, row, label):
    spec = TASKS[task]
    folder = tmp_path / task
    folder.mkdir()
    for split in ("train", "validation", "test"):
        clue_hub.export(spec, split, [row], folder)
    data = clue_data.load(spec, data_dir=tmp_path)
    assert data.train[0].label == label
    assert list(data.tests) != []


def test_the_hub_is_not_asked_when_it_is_off_or_lacks_the_task(monkeypatch, tmp_path):
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not clue_hub.reachable()
    assert clue_hub.fetch(TASKS["afqmc"]) is None
    monkeypatch.setattr(clue_hub, "reachable", lambda: pytest.fail("asked"))
    assert clue_hub.fetch(TASKS["cluener"]) is None
    monkeypatch.setenv("CLUEBOARD_HUB", "off")
    assert clue_hub.fetch(TASKS["afqmc"]) is None


def test_a_failing_download_falls_back_and_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path))
    monkeypatch.delenv("CLUEBOARD_HUB", raising=False)
    monkeypatch.setattr(clue_hub, "reachable", lambda: True)
    monkeypatch.setattr(clue_hub, "_load", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
    assert clue_hub.fetch(TASKS["afqmc"]) is None
    assert "clue/clue could not be loaded (ConnectionError)" in capsys.readouterr().err
