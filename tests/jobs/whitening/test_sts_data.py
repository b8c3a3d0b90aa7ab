"""Reading sentence pairs: every layout, every refusal, the hub's columns and the built-in sample."""

import os
from pathlib import Path

import numpy as np
import pytest

from jobs.cli import InputError
from jobs.whitening.sts import hub, sources
from jobs.whitening.sts.sets import CHINESE, STS_SETS, sentences

DATA = os.environ.get("CLUE_DATA_DIR", "")
LINES = '花呗怎么还款\t如何还花呗\t4\n借呗利息\t今天天气"好\t0\n\n一样\t一样\t5\n'


def chinese(folder: Path, text: str = LINES, *, split: str = "test") -> Path:
    path = folder / "senteval_cn" / "STS-B" / f"STS-B.{split}.data"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


def year(folder: Path) -> Path:
    base = folder / "sts_en" / "STS12-en-test"
    base.mkdir(parents=True)
    (base / "STS.input.MSRvid.txt").write_text("a dog\ta cat\nno score\tnone\na man\ta boy\tmore\n")
    (base / "STS.gs.MSRvid.txt").write_text("3.5\n\n1\n")
    return folder


def test_chinese_files_are_split_at_tabs_alone(tmp_path):
    (data,) = sources.load(["stsb-zh"], data_dir=chinese(tmp_path))
    (part,) = data.parts
    assert (part.split, part.first[1], part.second[1]) == ("test", "借呗利息", '今天天气"好')
    assert part.gold.tolist() == [4, 0, 5]
    assert data.source == "files"
    assert sentences(data.parts)[3:] == part.second


def test_the_folder_of_the_sets_can_be_named_itself(tmp_path):
    inner = chinese(tmp_path) / "senteval_cn"
    assert [one.spec.name for one in sources.load(data_dir=inner)] == ["stsb-zh"]


def test_pairs_without_a_score_are_left_out_of_a_year(tmp_path):
    (data,) = sources.load(["sts12"], data_dir=year(tmp_path))
    assert [(part.subset, part.first, part.gold.tolist()) for part in data.parts] == [
        ("MSRvid", ["a dog", "a man"], [3.5, 1.0])
    ]


def test_sick_and_sts_b_have_their_own_columns(tmp_path):
    sick = tmp_path / "sts_en" / "SICK" / "SICK_test_annotated.txt"
    sick.parent.mkdir(parents=True)
    sick.write_text("pair_ID\tsentence_A\tsentence_B\trelatedness_score\tx\n6\tA\tB\t3.3\tN\n7\tC\tD\t4\tN\n")
    stsb = tmp_path / "sts_en" / "STSBenchmark" / "sts-test.csv"
    stsb.parent.mkdir(parents=True)
    stsb.write_text("main\tf\t2012\t1\t2.4\tE\tF\nmain\tf\t2012\t2\t5.0\tG\tH\tlicence\n")
    found = {one.spec.name: one.parts[0] for one in sources.load(data_dir=tmp_path)}
    assert found["sickr"].first == ["A", "C"]
    assert found["sickr"].gold.tolist() == [3.3, 4]
    assert found["stsb"].second == ["F", "H"]


def test_a_users_own_file_is_a_set(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(LINES, encoding="utf-8")
    (data,) = sources.load([str(path)])
    assert (data.spec.name, data.spec.similar, data.splits) == ("mine", 2.5, ("test",))


def test_the_fingerprint_is_that_of_texts_and_scores(tmp_path):
    one, other = (sources.load(["stsb-zh"], data_dir=chinese(tmp_path / name))[0] for name in "ab")
    changed = sources.load(["stsb-zh"], data_dir=chinese(tmp_path / "c", LINES.replace("\t5", "\t4")))[0]
    assert one.fingerprint == other.fingerprint != changed.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("只有一列\n", r"test\.data:1: expected at least 3 tab-separated columns.*got 1"),
        ("好\t坏\t1\n花呗\t \t2\n", r"test\.data:2: the second sentence is empty"),
        ("好\t坏\t很像\n", r":1: expected a number as score, got '很像'"),
        ("好\t坏\t3\n大\t小\t3\n", r"gold scores of stsb-zh test are all equal \(3\)"),
        ("\n", "has no pairs"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        sources.load(["stsb-zh"], data_dir=chinese(tmp_path, text))


def test_what_is_not_there_is_said(tmp_path):
    chinese(tmp_path, split="train")
    with pytest.raises(InputError, match=r"lacks the set stsb-zh \(expected senteval_cn/STS-B/STS-B\.test\.data"):
        sources.load(["stsb-zh"], data_dir=tmp_path)
    with pytest.raises(InputError, match="has none of the sets"):
        sources.load(data_dir=tmp_path)
    with pytest.raises(InputError, match="unknown data set 'atek'; did you mean 'atec'"):
        sources.load(["atek"], data_dir=tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        sources.load(["bq"], data_dir=tmp_path / "nowhere")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        sources.load([str(path)])


def test_inference_sentences_are_found_by_language(tmp_path):
    snli = tmp_path / "sts_en" / "SNLI"
    snli.mkdir(parents=True)
    (snli / "s1.dev").write_text("a\nb\n")
    (snli / "s2.dev").write_text("c\nb\n")
    ocnli = tmp_path / "ocnli"
    ocnli.mkdir()
    (ocnli / "train.3k.json").write_text('{"sentence1": "甲", "sentence2": "乙", "label": "neutral"}\n')
    assert sources.nli(STS_SETS["sts12"], data_dir=tmp_path) == ["a", "b", "c", "b"]
    assert sources.nli(STS_SETS["bq"], data_dir=tmp_path) == ["甲", "乙"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x").touch()
    with pytest.raises(InputError, match="lacks ocnli"):
        sources.nli(STS_SETS["bq"], data_dir=tmp_path / "empty")


def test_the_sample_is_graded_and_the_same_every_time(monkeypatch):
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    monkeypatch.setattr("jobs.clue.data.hub.reachable", lambda: False)
    (data,) = sources.load()
    (again,) = sources.load(["sample"])
    assert data.source == "sample"
    assert data.fingerprint == again.fingerprint
    test = data.split("test")[0]
    assert set(test.gold) == {0, 1, 2, 3, 4, 5}
    same = [first == second for first, second, gold in zip(test.first, test.second, test.gold, strict=True) if gold < 5]
    assert not any(same)


def test_the_hub_is_read_by_column_names(monkeypatch):
    rows = [{"sentence1": "甲", "sentence2": "乙", "score": 1}, {"sentence1": "", "sentence2": "丁", "score": 0}]
    splits = {
        "test": [*rows, {"sentence1": "丙", "sentence2": "丁", "score": 0}],
        "validation": rows[:1],
        "extra": rows,
    }
    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.delenv("CLUEBOARD_HUB", raising=False)
    monkeypatch.setattr("datasets.load_dataset", lambda name: {"C-MTEB/BQ": splits}[name])
    dev, test = hub.fetch(STS_SETS["bq"])
    assert (dev.split, test.split, test.first, test.gold.tolist()) == ("dev", "test", ["甲", "丙"], [1, 0])
    assert hub.fetch(STS_SETS["atec"]) == ()  # an error of the hub is not the user's
    monkeypatch.setenv("CLUEBOARD_HUB", "off")
    assert hub.fetch(STS_SETS["bq"]) == ()


def test_limit_takes_the_first_pairs_of_every_subset(tmp_path):
    (data,) = sources.load(["stsb-zh"], data_dir=chinese(tmp_path), limit=2)
    assert len(data.parts[0].gold) == len(data.parts[0].first) == 2


@pytest.mark.skipif(not DATA, reason="CLUE_DATA_DIR names no data")
def test_the_real_sets_are_read_whole():
    found = {one.spec.name: one for one in sources.load(data_dir=Path(DATA))}
    assert set(CHINESE) <= set(found)
    for one in found.values():
        for part in one.parts:
            assert np.isfinite(part.gold).all()
            assert len(part.first) == len(part.second) == len(part.gold) > 50
