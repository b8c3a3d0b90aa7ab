import numpy as np
import pytest

from engine.text.tasks import TASKS, Example
from jobs.clue import ngram


def _titles(n, rng):
    words = {6: ["汽车", "油耗"], 10: ["旅游", "酒店"]}
    rows = []
    for i in range(n):
        label = int(rng.choice([6, 10]))
        rows.append(Example(str(i), {"sentence": f"{rng.choice(words[label])}到底怎么样{rng.integers(100)}"}, label))
    return rows


def test_it_learns_words_and_gives_probabilities_of_all_classes():
    rng = np.random.default_rng(0)
    train, dev = _titles(200, rng), _titles(50, rng)
    probs, empty = ngram.fit_predict(TASKS["tnews"], train, dev, [])
    assert probs.shape == (50, 15)
    assert probs.dtype == np.float32
    assert empty.shape == (0, 15)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert (probs.argmax(axis=1) == [example.label for example in dev]).all()
    assert probs[:, 0].max() == 0


def test_pairs_are_judged_by_what_they_share():
    rng = np.random.default_rng(0)
    letters = list("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏")
    rows = []
    for i in range(600):
        same = i % 2
        first = "".join(rng.choice(letters, 6))
        second = first[::-1] if same else "".join(rng.choice(letters, 6))
        rows.append(Example(str(i), {"sentence1": first, "sentence2": second}, same))
    (probs,) = ngram.fit_predict(TASKS["afqmc"], rows[:400], rows[400:])
    assert (probs.argmax(axis=1) == [row.label for row in rows[400:]]).mean() > 0.95


def test_the_same_seed_gives_the_same_probabilities():
    rng = np.random.default_rng(0)
    train, dev = _titles(60, rng), _titles(20, rng)
    first, second = (ngram.fit_predict(TASKS["tnews"], train, dev, seed=1)[0] for _ in range(2))
    assert (first == second).all()


def test_one_class_only_is_predicted_with_certainty():
    rows = [Example("0", {"sentence": "一"}, 3)] * 4
    (probs,) = ngram.fit_predict(TASKS["tnews"], rows, rows)
    assert probs[:, 3].tolist() == [1.0] * 4


def test_other_kinds_are_refused():
    assert not ngram.supports(TASKS["c3"])
    with pytest.raises(ValueError, match="for classification and pair tasks, c3 is choice"):
        ngram.fit_predict(TASKS["c3"], [])
