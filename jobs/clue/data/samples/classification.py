"""Sample rows of TNEWS, IFLYTEK and CLUEWSC2020."""

from random import Random
from typing import Any

from engine.text.tasks import TASKS
from jobs.clue.data.samples import words

Row = dict[str, Any]
LABEL_NOISE = 0.1
"""share of rows with a random label: what keeps a good model below perfect"""


def person(rng: Random) -> str:
    """A person's name."""
    return rng.choice(words.SURNAMES) + rng.choice(words.GIVEN)


def tnews(rng: Random) -> Row:
    """A title with two words of its topic, or one of its own and one of another topic."""
    label = rng.choice(TASKS["tnews"].labels)
    description, own = words.TOPICS[label]
    first, second = rng.sample(own, 2)
    if rng.random() < 0.4:
        second = rng.choice(words.TOPICS[rng.choice(list(words.TOPICS))][1])
    frame = rng.choice(words.TITLE_FRAMES)
    sentence = frame.format(a=first, b=second, c=rng.choice(words.CITIES))
    if rng.random() < LABEL_NOISE:
        label = rng.choice(TASKS["tnews"].labels)
        description = words.TOPICS[label][0]
    return {"label": label, "label_desc": description, "sentence": sentence, "keywords": ""}


def iflytek(rng: Random) -> Row:
    """An app whose category is the pair of its subject and its function."""
    label = rng.randrange(119)
    subject, subject_words = words.APP_DOMAINS[label // 10]
    function, function_words = words.APP_FUNCTIONS[label % 10]
    name = rng.choice(words.STEMS) + rng.choice(words.STEMS)
    parts = [f"{name}是一款{'好用的' if rng.random() < 0.5 else ''}手机应用。"]
    for _ in range(rng.randint(2, 4)):
        frame = rng.choice(words.APP_FRAMES)
        parts.append(frame.format(a=rng.choice(subject_words), b=rng.choice(function_words)))
    if rng.random() < 0.4:
        parts.insert(rng.randrange(1, len(parts) + 1), f"也适合喜欢{rng.choice(words.APP_DOMAINS)[0]}的用户。")
    parts.append(rng.choice(words.APP_FILLERS))
    if rng.random() < LABEL_NOISE:
        label = rng.randrange(119)
    return {"label": str(label), "label_des": f"{subject}{function}", "sentence": "".join(parts)}


_ACTIONS = ("走了很久的路", "等了一个下午", "忙了一整天", "跑得太快")
_ANIMATE = ("十分疲惫", "觉得很饿", "想回家休息", "高兴地笑了")
_THINGS = ("书包", "自行车", "花瓶", "雨伞", "箱子", "杯子", "收音机", "茶壶")
_STATES = ("已经坏了", "颜色很漂亮", "放在桌子旁边", "又旧又重")


def cluewsc2020(rng: Random) -> Row:
    """A person and a thing; the pronoun is 他 or 它, and the marked noun is one of the two."""
    name, thing = person(rng), rng.choice(_THINGS)
    animate = rng.random() < 0.7
    pronoun = "他" if animate else "它"
    tail = rng.choice(_ANIMATE if animate else _STATES)
    lead = f"{rng.choice(words.CITIES)}的" if rng.random() < 0.5 else ""
    if rng.random() < 0.5:
        text = f"{lead}{name}带着{thing}{rng.choice(_ACTIONS)}，{pronoun}{tail}。"
    else:
        text = f"{thing}是{lead}{name}买的，{pronoun}{tail}。"
    marked = name if rng.random() < 0.5 else thing
    label = (marked == name) == animate
    if rng.random() < LABEL_NOISE:
        label = not label
    target = {
        "span1_text": marked,
        "span1_index": text.index(marked),
        "span2_text": pronoun,
        "span2_index": text.rindex(f"，{pronoun}") + 1,
    }
    return {"target": target, "label": "true" if label else "false", "text": text}
