"""The line of the search box as terms: words and conditions, however people spell them.

`lr = 3e-4`, `lr==3e-4`, `lr 3e-4`, `accuracy > 55 %`, `accuracy≥0.55`, `1500 rows` and `NOT tag:old` are read like
`lr=3e-4`, `accuracy>55%`, `accuracy>=0.55`, `rows=1500` and `-tag:old`, and full-width signs like those of ASCII: the
name of a run, copied from a list, finds the run. What stands in quotes is one word as it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

SPLITS = ("dev", "test", "train")  # the last one is of training itself
ALIASES = {
    **{"lr": "learning_rate", "batch": "batch_size", "bs": "batch_size", "rows": "limit", "length": "max_length"},
    **{
        "epoch": "epochs",
        "row": "limit",
        "acc": "accuracy",
        "decay": "weight_decay",
        "wd": "weight_decay",
        "patience": "early_stopping",
    },
}
"""Short names, some of which the names of runs use."""
EXAMPLES = {"since": "yesterday", "before": "2026-11-27", "tag": "paper", "status": "failed", "lr": "3e-4"}
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
SECONDS = _UNITS | {"hour": 3600, "hours": 3600, "day": 86400, "days": 86400, "week": 604800, "weeks": 604800}
"""Units of time -> seconds."""
_PLAIN = {
    **{wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1B), *range(0xFF1C, 0xFF1F), *range(0xFF21, 0xFF3B))},
    **{wide: wide - 0xFEE0 for wide in (*range(0xFF41, 0xFF5B), 0xFF05, 0xFF0D, 0xFF0E, 0xFF0F, 0xFF3F)},
    **{ord("≥"): ">=", ord("≤"): "<=", ord("≠"): "!=", 0x3000: " "},
}
"""Full-width letters, digits and signs of conditions -> those of ASCII."""
_QUOTED = r'"[^"]*"|“[^”]*”|(?<![^\s:=<>])\'[^\']*\'(?!\S)'
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LOOSE = re.compile(
    rf"(?P<quoted>{_QUOTED})"
    r"|(?<=[\w./-])\s*(?P<operator>>=|<=|!=|==|<>|=|>|<)\s*(?=\S)"
    r"|(?<=\w)(?P<colon>:)\s+(?=\S)"
    rf"|(?<=[:=<>\s])(?P<amount>{_NUMBER})\s+(?P<unit>%|{'|'.join(SECONDS)})(?!\w)",
    re.IGNORECASE,
)
_TOKEN = re.compile(rf'(?:{_QUOTED}|[^\s"“”])+')
_TERM = re.compile(r"^([^\W\d][\w./-]*)(>=|<=|!=|=|>|<|:)(.*)$", re.DOTALL)
_RUN_ID = re.compile(r"\brun=([\w-]+)")
_SAME = {"==": "=", "<>": "!="}


class SearchError(ValueError):
    """What is wrong with a search, as a sentence."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word (without a name), or a condition."""

    value: str
    name: str = ""
    operator: str = ""
    negated: bool = False
    quoted: bool = False

    @property
    def text(self) -> str:
        """The term as it is written."""
        return f"{'-' * self.negated}{self.name}{self.operator}{self.value}"


def parse(text: str, names: Iterable[str] = ()) -> list[Term]:
    """Words and conditions of a line.

    Args:
        text: the line.
        names: of stored parameters and metrics (`dev/macro_f1`), which may be written with spaces.
    """
    spoken = _spoken(names)
    terms: list[Term] = []
    turned = False
    for token in _TOKEN.findall(_tidied(text)):
        if token in ("OR", "||", "|"):
            raise SearchError(f"`{token}` is not known: a comma offers several values, as in `task:tnews,afqmc`.")
        if token in ("AND", "&&", "&", "·"):
            continue
        if token == "NOT":
            turned = True
            continue
        term = _with_words_before(terms, _term(token), spoken)
        if term.name and terms and terms[-1].value.casefold() == "not" and not (terms[-1].name or terms[-1].quoted):
            terms.pop()
            turned = True
        terms.append(replace(term, negated=term.negated != turned))
        turned = False
    return [term for term in terms if term.value]


def number(text: str) -> float | None:
    """`0.55` of `55%` or `0.55`, seconds of `10min`; None for other words."""
    found = re.fullmatch(rf"\s*({_NUMBER})\s*(%|[a-z]*)\s*", text.casefold().translate(_PLAIN))
    if found is None or (found[2] not in ("", "%") and found[2] not in SECONDS):
        return None
    value = float(found[1]) * (0.01 if found[2] == "%" else SECONDS.get(found[2], 1))
    return value if abs(value) < float("inf") else None


def ranges(text: str) -> list[tuple[float, float]] | None:
    """Both ends of each range of `1..3,7` or `1-3,7`; None where one of them is no number."""
    found = []
    for choice in choices(text):
        both = re.fullmatch(rf"({_NUMBER}%?)(?:\.\.|-|–|~)({_NUMBER}%?)", choice.strip())
        ends = [number(end) for end in both.groups()] if both and number(choice) is None else [number(choice)]
        if None in ends:
            return None
        known = [end for end in ends if end is not None]
        found.append((min(known), max(known)))
    return found


def choices(text: str) -> list[str]:
    """The values of `tnews,afqmc`."""
    return [value for value in re.split("[,，]", text) if value] or [text]


def _tidied(text: str) -> str:
    """The line with signs of ASCII and without spaces within conditions, outside of quotes."""
    pieces = re.split(f"({_QUOTED})", text)
    plain = "".join(piece if number % 2 else piece.translate(_PLAIN) for number, piece in enumerate(pieces))
    return _LOOSE.sub(_tight, plain)


def _tight(found: re.Match[str]) -> str:
    if found["amount"]:
        return found["amount"] + found["unit"]
    operator = found["operator"] or found["colon"]
    return found["quoted"] or _SAME.get(operator, operator)


def _term(token: str) -> Term:
    negated = token[0] in "-!" and len(token) > 1 and not token[1].isdigit()
    bare = token[negated:]
    quoted = bare[0] in "\"“'"
    found = None if quoted else _TERM.match(bare)
    if found is None or found[3].startswith("//"):
        linked = None if quoted else _RUN_ID.search(bare)
        return Term(linked[1] if linked else _unquoted(bare).strip("*" * (not quoted)), "", "", negated, quoted)
    name, operator, value = found[1], found[2], _unquoted(found[3]).strip("*")
    if not value.strip():
        raise SearchError(f"`{token}` needs a value after `{operator}`, as in `{name}{operator}{_example(name)}`.")
    return Term(value, ALIASES.get(name.casefold(), name), operator, negated)


def _with_words_before(terms: list[Term], term: Term, spoken: dict[str, str]) -> Term:
    """The term as a condition together with the words before it, which then go.

    After `dev unseen`, `accuracy>0.4` is about dev/unseen_accuracy; `lr` and `3e-4` are `lr=3e-4`, `3` and `epochs`
    are `epochs=3`.
    """
    amount = not (term.name or term.quoted or term.negated) and number(term.value) is not None
    for count in (3, 2, 1):
        before = terms[-count:]
        if len(before) < count or any(word.name or word.quoted or word.negated for word in before):
            continue
        said = [word.value for word in before]
        name = "_".join([*said, term.name] if term.name else said if amount else [term.value]).casefold()
        meant = spoken.get(name, "") if term.name else ALIASES.get(name) or spoken.get(name, "")
        value = term.value if term.name or amount else said[0]
        whole = bool(term.name) or amount or (count == 1 and number(value) is not None)
        if meant and whole and not (term.name == "" and "/" in meant):
            del terms[-count:]
            return replace(term, name=meant, operator=term.operator or "=", value=value)
    return term


def _spoken(names: Iterable[str]) -> dict[str, str]:
    """Names as they are spoken, with underscores: `dev_macro_f1` and `macro_f1` -> `dev/macro_f1`."""
    found = {"seed": "seed"}
    for name in sorted(names, key=lambda name: (name.partition("/")[0] not in SPLITS, name)):
        split, _, rest = name.casefold().partition("/")
        found.setdefault(name.casefold().replace("/", "_"), name)
        if split in SPLITS:
            found.setdefault(rest.replace("/", "_"), name)
    return found


def _unquoted(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text
    return re.sub(r'["“”]', "", inner)


def _example(name: str) -> str:
    lowered = name.casefold()
    return EXAMPLES.get(lowered, "tnews" if lowered in ("task", "dataset", "name") else "0.55")
