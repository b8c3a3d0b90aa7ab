"""A built-in set of graded Chinese sentence pairs, for machines without data: generated, so no real score.

A sentence states who does what, where, when and how; the second of a pair has some of these five parts exchanged and
one or two of the others said with other words. The gold score is 5 less the number of exchanged parts. Spelling
overlap predicts it, but not fully: a paraphrase shares little spelling, and an exchanged part may share a character.
"""

from __future__ import annotations

import numpy as np

from jobs.whitening.sts.sets import Pairs

SIZES = {"train": 600, "dev": 200, "test": 400}
SEED = 20210111
PATTERNS = ("{who}{when}{where}{how}{what}。", "{when}，{who}{where}{how}{what}。", "{who}{when}{how}{where}{what}。")
PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "who": (
        ("一个男孩", "有个男孩子"),
        ("一名老师", "一位教师"),
        ("两位医生", "两名大夫"),
        ("我的妈妈", "我母亲"),
        ("那个司机", "那位开车师傅"),
        ("几名学生", "几个学员"),
        ("一位记者", "一名新闻工作者"),
        ("他的爷爷", "他祖父"),
    ),
    "when": (
        ("昨天", "前一天"),
        ("今天早上", "今早"),
        ("晚上", "夜里"),
        ("周末", "星期六和星期天"),
        ("下午三点", "十五点整"),
        ("去年夏天", "上一年盛夏"),
    ),
    "where": (
        ("在公园里", "于公园中"),
        ("在学校", "在校园里"),
        ("在家", "在屋里"),
        ("在图书馆", "在阅览室"),
        ("在海边", "在沙滩上"),
        ("在车站", "在站台上"),
    ),
    "how": (
        ("高兴地", "开心地"),
        ("慢慢地", "缓缓地"),
        ("认真地", "仔细地"),
        ("悄悄地", "不出声地"),
        ("匆忙地", "急急忙忙地"),
    ),
    "what": (
        ("看书", "读一本小说"),
        ("弹吉他", "演奏吉他"),
        ("踢足球", "玩足球"),
        ("打电话", "通话"),
        ("做晚饭", "煮饭"),
        ("画一幅画", "作画"),
        ("等朋友", "等候友人"),
        ("修自行车", "修理单车"),
    ),
}


def pairs() -> tuple[Pairs, ...]:
    """Train, dev and test, the same ones every time."""
    rng = np.random.default_rng(SEED)
    return tuple(_split(split, size, rng) for split, size in SIZES.items())


def _split(split: str, size: int, rng: np.random.Generator) -> Pairs:
    rows = [_pair(rng) for _ in range(size)]
    first, second, gold = (list(column) for column in zip(*rows, strict=True))
    return Pairs(split=split, subset="", first=first, second=second, gold=np.array(gold, float))


def _pair(rng: np.random.Generator) -> tuple[str, str, float]:
    meaning = {part: int(rng.integers(len(choices))) for part, choices in PARTS.items()}
    exchanged = rng.permutation(list(PARTS))[: rng.integers(0, len(PARTS) + 1)]
    other = dict(meaning)
    for part in exchanged:
        other[part] = (meaning[part] + int(rng.integers(1, len(PARTS[part])))) % len(PARTS[part])
    return _say(meaning, 0.1, rng), _say(other, 0.5, rng), float(len(PARTS) - len(exchanged))


def _say(meaning: dict[str, int], paraphrase: float, rng: np.random.Generator) -> str:
    words = {part: PARTS[part][choice][int(rng.random() < paraphrase)] for part, choice in meaning.items()}
    return str(rng.choice(PATTERNS)).format(**words)
