"""Sample documents of CMRC2018, C3 and ChID."""

from random import Random
from typing import Any

from jobs.clue.data.samples import words
from jobs.clue.data.samples.classification import person

_ABSURD = ("骑大象", "坐火箭", "划木盆", "踩高跷", "滑雪橇")
_INEDIBLE = ("石头", "肥皂", "报纸", "拖鞋", "铅笔", "轮胎")
_VEHICLES = ("坐飞机", "坐火车", "开汽车", "坐轮船", "骑自行车", "坐地铁", "走路")


def cmrc_paragraph(rng: Random, number: int, *, split: str) -> dict[str, Any]:
    """A passage about two to four people, with two to four questions; one in fifty is longer than a window."""
    names = [person(rng) for _ in range(rng.randint(2, 4))]
    names = list(dict.fromkeys(names))
    text, facts = "", []
    long = rng.random() < 1 / 50
    for name in names:
        for part, question in _facts(rng, name):
            before, answer, after = part
            facts.append((question, answer, len(text) + len(before)))
            text += before + answer + after
        text += "".join(_filler(rng) for _ in range(12 if long else 1))
    items = []
    for k, (question, answer, start) in enumerate(rng.sample(facts, min(len(facts), rng.randint(2, 4)))):
        if split == "test":
            answers = [{"text": f"FAKE_ANSWER_{i}", "answer_start": -1} for i in (1, 2, 3)]
        else:
            answers = [{"text": answer, "answer_start": start}] * (3 if split == "dev" else 1)
        items.append({"question": question, "id": f"{split.upper()}_{number}_QUERY_{k}", "answers": answers})
    return {"id": f"{split.upper()}_{number}", "context": text, "qas": items}


def _facts(rng: Random, name: str) -> list[tuple[tuple[str, str, str], str]]:
    year, city, job, hobby = (
        f"{rng.randint(1940, 2005)}年",
        rng.choice(words.CITIES),
        rng.choice(words.JOBS),
        rng.choice(words.HOBBIES),
    )
    return [
        ((f"{name}于", year, "出生，"), f"{name}是哪一年出生的？"),
        (("后来搬到", city, "生活，"), f"{name}住在哪个城市？"),
        (("当过", job, "，"), f"{name}的职业是什么？"),
        (("平时喜欢", hobby, "。"), f"{name}有什么爱好？"),
    ]


def _filler(rng: Random) -> str:
    return rng.choice(
        (
            f"当地的{rng.choice(words.FOODS)}很有名。",
            f"人们常常在{rng.choice(words.PLACES)}见面，谈谈最近发生的事情。",
            "那几年生活并不容易，但是大家都很乐观。",
            "当时谁也没有想到，后来的变化会这么大，许多年以后还有人说起。",
        )
    )


def c3_document(rng: Random, number: int, *, split: str, dialogue: bool) -> list[Any]:
    """A dialogue or a short text with one or two questions of two to four choices."""
    city, vehicle, food, name = (
        rng.choice(words.CITIES),
        rng.choice(_VEHICLES),
        rng.choice(words.FOODS),
        person(rng),
    )
    refused = rng.choice([item for item in _VEHICLES if item != vehicle])
    if dialogue:
        lines = [
            f"女：{name}，你打算怎么去{city}？",
            f"男：{refused}太贵了，我想{vehicle}去。" if rng.random() < 0.5 else f"男：我决定{vehicle}去。",
            f"女：到了那里别忘了尝尝{food}。",
        ]
    else:
        lines = [f"{name}下个月要去{city}出差。他觉得{refused}不方便，所以决定{vehicle}去。同事推荐他吃{food}。"]
    questions = [
        ("男的打算怎么去？", vehicle, (*_ABSURD, *_VEHICLES)),
        ("推荐吃什么？", food, (*_INEDIBLE, *words.FOODS)),
    ]
    items: list[dict[str, Any]] = []
    for question, answer, pool in rng.sample(questions, rng.randint(1, 2)):
        wrong = [item for item in rng.sample(pool, len(pool)) if item != answer]
        choices = [answer, *wrong[: rng.choice((2, 3, 3, 3))]]
        rng.shuffle(choices)
        items.append({"question": question, "choice": choices, "answer": answer})
    document_id = f"{'d' if dialogue else 'm'}{number}"
    if split == "test":
        items = [{"question": i["question"], "choice": i["choice"], "id": number * 2 + k} for k, i in enumerate(items)]
        return [lines, items]
    return [lines, items, document_id]


def chid_line(rng: Random, first_blank: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Ten candidates and one to three passages with a blank each, and the answers."""
    idioms = list(words.IDIOMS)
    candidates = rng.sample(idioms, 10)
    answers: dict[str, int] = {}
    content = []
    # idioms early in the list are right more often than late ones: a rank is drawn to the power of two
    ranked = sorted(candidates, key=idioms.index)
    chosen = list(dict.fromkeys(ranked[int(10 * rng.random() ** 2)] for _ in range(rng.randint(1, 3))))
    for k, idiom in enumerate(chosen):
        blank = f"#idiom{first_blank + k:06d}#"
        meaning = rng.choice(words.IDIOMS[idiom])
        if rng.random() < 0.12:  # the passage tells nothing
            meaning = rng.choice(("说了很多", "又来了一次", "还是老样子"))
        frame = rng.choice(words.CHID_FRAMES)
        content.append(frame.format(n=person(rng), p=rng.choice(words.PLACES), x=meaning, b=blank))
        answers[blank] = candidates.index(idiom)
    return {"content": content, "candidates": candidates}, answers
