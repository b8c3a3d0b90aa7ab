"""Sample rows of FewCLUE's own tasks: EPRSTMT, CSLDCP and BUSTM."""

from random import Random

from engine.text.tasks import TASKS
from jobs.clue.data.samples import words
from jobs.clue.data.samples.classification import LABEL_NOISE, Row

_PRAISE = ("很好用", "质量不错", "非常满意", "值得购买", "超出预期", "做工精细")
_BLAME = ("用两天就坏了", "质量太差", "非常失望", "不值这个价", "有一股异味", "做工粗糙")
_ASPECTS = ("物流", "包装", "客服", "颜色", "屏幕", "电池", "音质", "面料", "尺寸", "味道")
_GOODS = ("耳机", "手机", "衣服", "水杯", "键盘", "书包", "台灯", "鞋子", "充电器", "雨伞")


def eprstmt(rng: Random, label: int) -> Row:
    """A review that mostly says one thing and sometimes a little of the other."""
    opinions, others = (_PRAISE, _BLAME) if label else (_BLAME, _PRAISE)
    first, second = rng.sample(opinions, 2)
    parts = [f"{rng.choice(_GOODS)}收到了", first, f"{rng.choice(_ASPECTS)}{second}"]
    if rng.random() < 0.5:
        parts.insert(rng.randrange(1, 3), f"就是{rng.choice(_ASPECTS)}{rng.choice(others)}")
    labels = TASKS["eprstmt"].labels
    return {"sentence": "，".join(parts) + "。", "label": labels[_noisy(rng, label, len(labels))]}


_METHODS = ("实验", "模型", "算法", "调查", "仿真", "综述", "案例", "测试")
_CLAIMS = (
    "本文研究了{a}中的若干问题,提出了一种基于{m}的方法.",
    "为提高{a}的水平,对相关因素进行了{m}分析.",
    "结合{a}的发展现状,用{m}讨论了它与{b}的关系.",
    "结果表明,该{m}在{a}领域有一定的应用价值.",
)


def csldcp(rng: Random, label: int) -> Row:
    """An abstract that names its discipline, in whole or in half, beside another one."""
    labels = TASKS["csldcp"].labels
    own, other = labels[label], labels[rng.randrange(len(labels))]
    frames = rng.sample(_CLAIMS, 2)
    text = "".join(frame.format(a=_called(rng, own), b=_called(rng, other), m=rng.choice(_METHODS)) for frame in frames)
    return {"content": text, "label": labels[_noisy(rng, label, len(labels))]}


def _called(rng: Random, discipline: str) -> str:
    """A discipline as an abstract calls it: one of its names, or the first two characters of it."""
    name = rng.choice(discipline.split("/"))
    return name if rng.random() < 0.5 else name[:2]


_REQUESTS = (
    ("播放一首{x}", "我想听{x}", "来一首{x}吧", "放{x}给我听"),
    ("明天{x}天气怎么样", "{x}明天会下雨吗", "查一下{x}的天气", "{x}冷不冷"),
    ("给{x}打电话", "我要和{x}通话", "拨通{x}的号码", "联系一下{x}"),
    ("你喜欢{x}吗", "你觉得{x}怎么样", "{x}你爱不爱", "说说你对{x}的看法"),
    ("怎么去{x}", "去{x}的路怎么走", "带我去{x}", "导航到{x}"),
)


def bustm(rng: Random, label: int) -> Row:
    """Two requests to a voice assistant; the same if they ask for the same of the same thing."""
    kind, thing = rng.choice(_REQUESTS), rng.choice(words.FOODS + words.PLACES + words.HOBBIES)
    other_kind, other = kind, thing
    if not label:
        if rng.random() < 0.6:
            other_kind = rng.choice([item for item in _REQUESTS if item != kind])
        else:
            other = rng.choice([item for item in words.FOODS + words.PLACES if item != thing])
    first, second = rng.sample(kind, 2)
    second = second if other_kind == kind else rng.choice(other_kind)
    return {
        "sentence1": first.format(x=thing),
        "sentence2": second.format(x=other),
        "label": str(_noisy(rng, label, 2)),
    }


def _noisy(rng: Random, label: int, classes: int) -> int:
    return rng.randrange(classes) if rng.random() < LABEL_NOISE else label
