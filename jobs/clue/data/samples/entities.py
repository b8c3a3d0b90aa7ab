"""Sample rows of CLUENER2020."""

from collections.abc import Callable
from random import Random

from engine.text.decode import nest_entities
from jobs.clue.data.samples import words
from jobs.clue.data.samples.classification import Row, person


def cluener(rng: Random) -> Row:
    """A sentence of two or three clauses with entities; a few are left unmarked, as annotators do."""
    text = ""
    found: list[tuple[str, int, int]] = []
    for clause in rng.sample(_CLAUSES, rng.randint(2, 3)):
        for piece in clause.split("|"):
            if piece in _MAKERS:
                surface = _MAKERS[piece](rng)
                if rng.random() > 0.05:
                    found.append((piece, len(text), len(text) + len(surface) - 1))
                text += surface
            else:
                text += piece
    text = text[:-1] + "。"
    return {"text": text, "label": nest_entities(text, found)}


def _stem(rng: Random, n: int = 2) -> str:
    return "".join(rng.sample(words.STEMS, n))


_MAKERS: dict[str, Callable[[Random], str]] = {
    "name": person,
    "position": lambda rng: rng.choice(words.POSITIONS),
    "address": lambda rng: rng.choice(words.CITIES) + rng.choice(("", "市", f"{_stem(rng, 1)}区", f"{_stem(rng)}路")),
    "company": lambda rng: _stem(rng) + rng.choice(words.COMPANY_KINDS),
    "government": lambda rng: rng.choice(words.CITIES) + rng.choice(words.GOVERNMENT_KINDS),
    "organization": lambda rng: (
        rng.choice((rng.choice(words.CITIES), _stem(rng))) + rng.choice(words.ORGANIZATION_KINDS)
    ),
    "scene": lambda rng: _stem(rng) + rng.choice(words.SCENE_KINDS),
    "book": lambda rng: f"《{rng.choice(words.TITLES)}{rng.choice(words.TITLES)}》",
    "movie": lambda rng: f"《{rng.choice(words.TITLES)}之{_stem(rng, 1)}》",
    "game": lambda rng: rng.choice(words.TITLES) + rng.choice(("世界", "大作战", "英雄", "2", "online")),
}
_CLAUSES = (
    "name|是|company|的|position|，",
    "organization|的|position|name|表示，",
    "记者从|government|了解到，",
    "位于|address|的|scene|今天开放，",
    "他读完了|book|，",
    "导演|name|的新片|movie|上映，",
    "很多人在玩|game|，",
    "company|在|address|设立了分部，",
    "name|昨天去了|scene|，",
    "由|government|和|organization|共同举办，",
)
