"""Characters of Chinese text and how often they stand near one another."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from engine.arrays import numbers, unit, whole, whole_number

# Characters that belong together: whoever learns meaning from text should put each near its own group.
NEIGHBOUR_GROUPS: dict[str, str] = {
    "numbers": "一二三四五六七八九十百千万",
    "directions": "东南西北",
    "family": "父母兄弟姐妹爸妈儿女",
    "colours": "红黄蓝绿白黑",
    "animals": "牛羊马猪狗鸡鱼鸟",
    "body": "头手脚眼耳口脸腿",
    "time": "年月日周时分秒",
    "money": "钱元价费款债",
    "weather": "风雨雪云雷",
    "metals": "金银铜铁钢",
    "pronouns": "我你他她它们",
    "plants": "花草树木叶果",
}


def build_vocabulary(texts: Iterable[str], *, size: int, units: str = "characters") -> list[str]:
    """The most frequent Chinese characters, or pairs of neighbouring characters, in order of frequency.

    Args:
        texts: any texts; everything that is not a Chinese character is skipped.
        size: at most this many units are kept.
        units: "characters" or "bigrams".

    Raises:
        ValueError: if fewer than two different units are found.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_units(text, units))
    vocabulary = [unit for unit, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:size]]
    if len(vocabulary) < 2:
        raise ValueError(f"skip-gram needs 2 different Chinese {units} or more, found {len(vocabulary)}: {vocabulary}")
    return vocabulary


def encode(texts: Iterable[str], vocabulary: Sequence[str], *, units: str = "characters") -> np.ndarray:
    """Texts as one int32 array of vocabulary indices; -1 for what is not in it and between texts."""
    index = {unit: number for number, unit in enumerate(vocabulary)}
    numbers: list[int] = []
    for text in texts:
        numbers.extend(index.get(unit, -1) for unit in _units(text, units))
        numbers.append(-1)
    return np.array(numbers, dtype=np.int32)


def cooccurrence_counts(tokens: np.ndarray, n_words: int, *, window: int) -> np.ndarray:
    """Symmetric (V, V) counts of pairs at most `window` places apart, float64.

    Raises:
        ValueError: if there is no pair at all.
    """
    n_words = whole_number(n_words, name="n_words", low=1)
    tokens = whole(tokens, name="tokens", shape=("n",), high=n_words - 1)
    counts = np.zeros(n_words * n_words)
    for left, right in _neighbours(tokens, window):
        counts += np.bincount(left * n_words + right, minlength=n_words * n_words)
    if not counts.any():
        raise ValueError(f"no pair of known units stands within {window} places: the text is empty or too short")
    table = counts.reshape(n_words, n_words)
    return np.asarray(table + table.T)


def mutual_information(counts: np.ndarray) -> float:
    """Mutual information of a table of counts, in nats (the plug-in estimate, too high for few counts)."""
    joint = _joint(counts)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / expected[seen])).sum())


def positive_pmi(counts: np.ndarray) -> np.ndarray:
    """Positive pointwise mutual information max(0, ln p(i, j) / (p(i) p(j))) of a table of counts."""
    joint = _joint(counts)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    ratio = np.divide(joint, expected, out=np.ones_like(joint), where=joint > 0)
    return np.asarray(np.maximum(np.log(ratio), 0.0))


def neighbour_score(vectors: np.ndarray, vocabulary: Sequence[str]) -> tuple[float, int]:
    """How well cosines tell the built-in groups apart: area under the ROC curve of "same group", and its pairs.

    0.5 is chance, 1 means that every pair of one group is closer than every pair of two. Means of characters, not
    of pairs, so that large groups do not dominate. NaN if fewer than two groups of two characters are in the
    vocabulary.
    """
    vectors = numbers(vectors, name="vectors", shape=(len(vocabulary), "n"))
    index = {word: place for place, word in enumerate(vocabulary)}
    groups = [[index[c] for c in members if c in index] for members in NEIGHBOUR_GROUPS.values()]
    groups = [members for members in groups if len(members) > 1]
    if len(groups) < 2:
        return float("nan"), 0
    labels = np.concatenate([np.full(len(members), number) for number, members in enumerate(groups)])
    chosen = unit(vectors[np.concatenate(groups)])
    cosines = chosen @ chosen.T
    scores = []
    for row, label in enumerate(labels):
        same = (labels == label) & (np.arange(len(labels)) != row)
        inside, outside = cosines[row, same], cosines[row, labels != label]
        scores.append(np.mean(inside[:, None] > outside) + 0.5 * np.mean(inside[:, None] == outside))
    return float(np.mean(scores)), len(labels)


def _joint(counts: np.ndarray) -> np.ndarray:
    """A table of counts as shares; refuses one without counts."""
    table = numbers(counts, name="counts", shape=("n", "m"), dtype=np.float64, low=0)
    largest = table.max(initial=0.0)
    if not largest > 0:
        raise ValueError("counts must hold at least one pair, got a table of zeros")
    shares = table / largest
    return np.asarray(shares / shares.sum())


def _units(text: str, units: str) -> Iterator[str]:
    if units not in ("characters", "bigrams"):
        raise ValueError(f"units must be 'characters' or 'bigrams', got {units!r}")
    if units == "characters":
        return (c for c in text if "一" <= c <= "鿿")
    return (a + b for a, b in pairwise(text) if "一" <= a <= "鿿" and "一" <= b <= "鿿")


def _neighbours(tokens: np.ndarray, window: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if window < 1:
        raise ValueError(f"window must be 1 or more, got {window}")
    wide = tokens.astype(np.int64)
    borders = np.cumsum(wide < 0)
    for gap in range(1, min(window, len(wide) - 1) + 1):
        left, right = wide[:-gap], wide[gap:]
        both = (left >= 0) & (right >= 0) & (borders[:-gap] == borders[gap:])
        yield left[both], right[both]
