"""Sample rows of AFQMC, CMNLI, OCNLI and CSL."""

from random import Random

from jobs.clue.data.samples import words
from jobs.clue.data.samples.classification import LABEL_NOISE, Row, person


def afqmc(rng: Random) -> Row:
    """Two questions about a loan; they mean the same if the intent agrees.

    The second question of a pair that differs is often about a side issue, so that words alone tell something.
    """
    same = rng.random() < 0.4
    intent = other = rng.choice(words.LOAN_INTENTS)
    if not same:
        pool = words.LOAN_SIDE_INTENTS if rng.random() < 0.6 else words.LOAN_INTENTS
        other = rng.choice([item for item in pool if item != intent])
    elif rng.random() < 0.08:
        intent = other = rng.choice(words.LOAN_SIDE_INTENTS)
    label = same if rng.random() >= LABEL_NOISE else not same
    return {
        "sentence1": _loan_question(rng, intent),
        "sentence2": _loan_question(rng, other),
        "label": str(int(label)),
    }


def _loan_question(rng: Random, intent: tuple[str, ...]) -> str:
    return rng.choice(words.LOAN_FRAMES).format(p=rng.choice(words.LOAN_PRODUCTS), q=rng.choice(intent))


_NLI = ("entailment", "neutral", "contradiction")


def cmnli(rng: Random) -> Row:
    """A sentence in the manner of translations, and a claim about it."""
    name, place, hobby = person(rng), rng.choice(words.PLACES), rng.choice(words.HOBBIES)
    premise = rng.choice(
        (
            f"是的，{name}昨天在{place}里{hobby}，直到天黑才离开",
            f"{name}告诉我们，他每个星期都会去{place}{hobby}",
            f"据说在{place}，{name}和他的朋友们正在{hobby}",
        )
    )
    label = rng.choice(_NLI)
    claims = {
        "entailment": (f"{name}会{hobby}", f"有人在{place}", f"{name}去过{place}"),
        "neutral": (f"{name}因为{hobby}认识了很多人", f"{name}最喜欢的是{rng.choice(words.FOODS)}", f"{place}离家很近"),
        "contradiction": (f"{name}从来不去{place}", f"没有人会{hobby}", f"{name}讨厌{hobby}"),
    }
    hypothesis = rng.choice(claims[label])
    return {"sentence1": premise, "sentence2": hypothesis, "label": _noisy(rng, label)}


def ocnli(rng: Random) -> Row:
    """A scene of daily life, and a claim about it; a few rows have no agreed label."""
    name, job, city = person(rng), rng.choice(words.JOBS), rng.choice(words.CITIES)
    food, number = rng.choice(words.FOODS), rng.randint(2, 9)
    premise = rng.choice(
        (
            f"在{city}当{job}的{name}花{number}十块钱买了{food}",
            f"{name}，{city}的一位{job}，一口气吃了{number}碗{food}",
            f"今天{city}下雨，{job}{name}带着{food}回家了",
        )
    )
    label = rng.choice(_NLI)
    claims = {
        "entailment": (f"{name}是{job}", f"{name}人在{city}", f"{name}有{food}"),
        "neutral": (f"{name}打算明年换工作", f"{food}是{name}家人爱吃的", f"{name}比别的{job}收入高"),
        "contradiction": (f"{name}不在{city}", f"{name}没有碰过{food}", f"{name}已经不是{job}了"),
    }
    hypothesis = rng.choice(claims[label])
    final = "-" if rng.random() < 0.02 else _noisy(rng, label)
    return {"level": "easy", "sentence1": premise, "sentence2": hypothesis, "label": final, "genre": "sample"}


def _noisy(rng: Random, label: str) -> str:
    return rng.choice(_NLI) if rng.random() < LABEL_NOISE else label


def csl(rng: Random) -> Row:
    """An abstract of one field; in half of the rows one keyword is vague or foreign to it."""
    field = rng.choice(list(words.FIELDS))
    terms = rng.sample(words.FIELDS[field], 4)
    abstract = "".join(
        frame.format(a=terms[2 * i], b=terms[2 * i + 1]) for i, frame in enumerate(rng.sample(words.ABSTRACT_FRAMES, 2))
    )
    keywords = rng.sample(terms, rng.choice((2, 3, 4)))
    right = rng.random() < 0.5
    if not right:
        kind = rng.random()
        if kind < 0.45:  # a word that says nothing, as automatic extraction gives
            wrong = rng.choice(words.VAGUE_KEYWORDS)
        elif kind < 0.8:
            wrong = rng.choice(words.FIELDS[rng.choice([name for name in words.FIELDS if name != field])])
        else:  # of the same field, but not in the abstract
            wrong = rng.choice([term for term in words.FIELDS[field] if term not in terms])
        keywords[rng.randrange(len(keywords))] = wrong
    label = right if rng.random() >= LABEL_NOISE / 2 else not right
    return {"abst": abstract, "keyword": keywords, "label": str(int(label))}
