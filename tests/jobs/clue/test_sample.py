import dataclasses
import hashlib
import json

import numpy as np
import pytest

from engine.evidence import metrics
from engine.text.decode import decode
from engine.text.encode import encode
from engine.text.tasks import CLUE, FEWCLUE, TASKS, tasks_of
from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs.cli import InputError
from jobs.clue import submission
from jobs.clue.data import sample
from jobs.clue.data import sources as clue_data
from jobs.clue.data.training_sets import NUMBERED
from jobs.clue.models import ngram

SAMPLED = [task for task in tasks_of(CLUE) if sample.exists(task)]
FEW = tasks_of(FEWCLUE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _alone(monkeypatch, cache):
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    monkeypatch.setenv("CLUEBOARD_HUB", "off")
    monkeypatch.setenv("CLUEBOARD_CACHE", str(cache))


@pytest.mark.parametrize("task", SAMPLED)
def test_the_official_reader_reads_it(task):
    data = clue_data.load(TASKS[task])
    assert data.source == "sample"
    assert len(data.train) > len(data.dev) >= 300
    assert len(data.tests) == len(TASKS[task].tests)
    assert all(example.label is None for test in data.tests.values() for example in test)
    assert not any("official" in note for note in data.notes)


@pytest.mark.parametrize("task", FEW)
def test_the_sample_of_fewclue_has_five_training_sets_and_a_labelled_test_file(task):
    spec, found = TASKS[task], [clue_data.load(TASKS[task], few_shot_split=split) for split in NUMBERED]
    assert {len(data.train) for data in found} == {spec.sizes["train"]}
    assert len({data.fingerprints["train"] for data in found}) == len(NUMBERED)
    joined = clue_data.load(spec, few_shot_split="few_all")
    assert len(found[0].train) < len(joined.train) <= 5 * len(found[0].train)
    assert all(example.label is not None for example in found[0].tests["public"])
    assert all(example.label is None for example in found[0].tests["1.0"])
    assert not any("official" in note for note in joined.notes)


@pytest.mark.parametrize("task", FEW)
def test_the_linear_baseline_learns_a_little_from_few_rows(task):
    spec, data = TASKS[task], clue_data.load(TASKS[task], few_shot_split="few_all")
    rows = data.tests["public"]
    predicted = ngram.fit(spec, data.train).probabilities(spec, rows).argmax(axis=1)
    floor = max(metrics.baselines(spec, data.train, rows).values())
    assert floor + 0.1 < metrics.score(spec, rows, predicted)["accuracy"] < 0.97


@pytest.mark.parametrize("task", ["cluener", "chid", "cmrc2018", "bustm"])
def test_it_is_the_same_every_time(task, tmp_path, cache):
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        sample.write(task, folder)
    digests = [
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) >= 3


@pytest.mark.parametrize("task", SAMPLED)
def test_train_and_dev_share_few_rows(task):
    data = clue_data.load(TASKS[task])
    seen = {str(example.fields) for example in data.train}
    shared = sum(str(example.fields) in seen for example in data.dev)
    assert shared < 0.35 * len(data.dev)


@pytest.mark.parametrize("task", ["afqmc", "cmnli", "csl", "ocnli", "tnews"])
def test_the_linear_baseline_learns_but_not_everything(task):
    spec = TASKS[task]
    data = clue_data.load(spec)
    probs = ngram.fit(spec, data.train).probabilities(spec, data.dev)
    floor = max(metrics.baselines(spec, data.train, data.dev).values())
    scored = metrics.score(spec, data.dev, probs.argmax(axis=1))["accuracy"]
    assert floor + 0.1 < scored < 0.97


@pytest.mark.parametrize("task", SAMPLED)
def test_any_answers_to_its_test_sets_make_a_submission(task, tmp_path):
    spec = TASKS[task]
    blank = {"span": ("北京", 0), "entities": []}.get(spec.kind, 0)
    for version, examples in clue_data.load(spec).tests.items():
        path = submission.write(spec, version, examples, [blank] * len(examples), tmp_path)
        assert path.name in {test.submission for test in spec.tests}


def _gold_outputs(spec, rows):
    """What a head would say that knows the answers."""
    if spec.kind == "choice":
        scores = np.zeros(rows.n_rows)
        first = np.searchsorted(rows.example, np.arange(rows.n_examples))
        scores[first + rows.targets] = 1.0
        return scores
    if spec.kind == "span":
        found = (rows.targets[:, :1] > 0).astype(float)
        return np.hstack([found, rows.targets, np.log(0.5 + found / 2)])
    if spec.kind == "entities":
        return [[(*cell, 5.0) for cell in cells] for cells in rows.targets]
    return np.eye(spec.n_classes)[rows.targets]


@pytest.mark.parametrize("task", SAMPLED)
def test_gold_targets_come_back_with_perfect_scores_and_shuffled_ones_do_not(task):
    spec = TASKS[task]
    examples = clue_data.load(spec).dev
    tokenizer = WordPiece(build_vocabulary(json.dumps(e.fields, ensure_ascii=False) for e in examples))
    rows = encode(spec, examples, tokenizer)
    decoded = decode(spec, rows, examples, _gold_outputs(spec, rows))
    assert set(metrics.score(spec, examples, decoded.predictions).values()) == {1.0}
    order = np.random.default_rng(0).permutation(len(examples))
    shuffled = metrics.score(spec, examples, [decoded.predictions[i] for i in order])[spec.metric]
    floor = max(metrics.baselines(spec, examples, examples).values())
    assert shuffled < floor + 0.1


def test_a_task_without_a_sample_says_that_it_needs_data():
    with pytest.raises(InputError, match="lcqmc has no built-in sample: it needs --data-dir or CLUE_DATA_DIR"):
        clue_data.load(dataclasses.replace(TASKS["afqmc"], name="lcqmc", hub_config=""))
