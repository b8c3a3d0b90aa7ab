"""One vocabulary: how names and values of the store are written on every page.

Stored names stay as they are in links, files and SQL; people read `dev macro F1` and `48.19 %`.
"""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from dashboard.frames import stored_json
from dashboard.frames.numbers import as_number
from engine.evidence.metrics import metric_of

COLUMNS = {
    "run_id": "Run",
    "experiment": "Experiment",
    "task": "Task",
    "model": "Model",
    "recipe": "Recipe",
    "dataset": "Data set",
    "data_source": "Data",
    "status": "Status",
    "progress": "Progress",
    "score": "Score",
    "sd": "± sd",
    "seeds": "Seeds",
    "metric": "Metric",
    "majority": "Majority %",
    "started_at": "Started",
    "finished_at": "Finished",
    "heartbeat_at": "Heartbeat",
    "duration_s": "Duration",
    "seed": "Seed",
    "tags": "Tags",
    "note": "Note",
    "archived": "Archived",
    "config_hash": "Config hash",
    "parent_run_id": "Parent",
    "train_fingerprint": "Training data fingerprint",
    "dev_fingerprint": "Dev data fingerprint",
    "git_commit": "Git commit",
    "git_dirty": "Uncommitted changes",
    "pid": "Process id",
    "eta_s": "Seconds left",
}
"""Columns of `runs` as headings."""
_SPELLED = {
    "f1": "F1",
    "em": "exact match",
    "auc": "AUC",
    "ece": "ECE",
    "mrr": "MRR",
    "ndcg": "nDCG",
    "kl": "KL",
    "pip": "PIP",
    "lora": "LoRA",
    "fgm": "FGM",
    "ema": "EMA",
    "llrd": "LLRD",
    "mlm": "MLM",
    "crf": "CRF",
    "cpu": "CPU",
    "gpu": "GPU",
    "gb": "GB",
}
UNSET = "–"
KEPT = r"`+[^`]+`+|(?<!\\)\$[^$]+\$|<[^>]*>|\]\([^)]*\)|:[\w/-]+[:\[]|https?://\S+"
"""What is no text for people in Markdown: code, formulas, tags, targets of links, icons and colours, addresses."""
_SIGNS = re.compile(rf"(?P<kept>{KEPT})|(?<![\w.)\]\\:-])(?P<minus>-)(?=\.?\d)|(?<=\d) ?%(?!\w)")


def name(stored: str) -> str:
    """`dev/macro_f1` -> "dev macro F1", `started_at` -> "Started", `learning_rate` -> "learning rate"."""
    if stored in COLUMNS:
        return COLUMNS[stored]
    words = stored.replace("/", " ").replace("_", " ").split(" ")
    return " ".join(_SPELLED.get(word, word) for word in words)


def heading(stored: str) -> str:
    """A name as the head of a column: "Max length"; a symbol stays one: "n components"."""
    text = name(stored)
    return text if text[1:2] in ("", " ") else text[:1].upper() + text[1:]


def is_fraction(metric: str) -> bool:
    """Whether a metric (`dev/accuracy`) is a fraction that is shown in percent."""
    return metric_of(metric).fraction


def number(value: float | None) -> str:
    """A number of any size in four significant digits or, below ten millions, to the unit; or an en dash."""
    if value is None or not math.isfinite(value):
        return UNSET
    return minus(f"{value:,.0f}" if 9999.5 <= abs(value) < 1e7 else re.sub(r"e([+-])0", r"e\1", f"{value:,.4g}"))


def percent(value: float | None, digits: int = 2) -> str:
    """`73.61 %` of the fraction 0.7361, or an en dash."""
    return UNSET if value is None or not math.isfinite(value) else minus(f"{value:.{digits}%}".replace("%", " %"))


def share(value: float | None) -> str:
    """`81 %`, `2.5 %`, `0.01 %` of a fraction: digits that tell it from nothing; an empty text where it is unknown."""
    if value is None or not math.isfinite(value):
        return ""
    return percent(value, 0 if value >= 0.1 or value == 0 else 1 if value >= 0.01 else 2)


def size(n: int) -> str:
    """`18.0 MB`, `812 bytes` of a file."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= power:
            return f"{n / power:.1f} {unit}"
    return count(n, "byte")


def points(difference: float, digits: int = 2) -> str:
    """`+0.42` or `−0.42`: percentage points of a difference of fractions, with the minus sign that axes have."""
    return minus(f"{100 * difference:+.{digits}f}")


def minus(number: str) -> str:
    """A written number with the minus sign that axes have; the hyphen of an exponent stays."""
    return f"\N{MINUS SIGN}{number[1:]}" if number.startswith("-") else number


def value(metric: str, amount: float | None) -> str:
    """A metric's value: `73.61 %` of a fraction, four digits of any other; what is not finite in words."""
    if amount is not None and not math.isfinite(amount):
        return "not a number" if math.isnan(amount) else f"{'minus ' * (amount < 0)}infinite"
    return percent(amount) if is_fraction(metric) else number(amount)


def between(metric: str, low: float | None, high: float | None) -> str:
    """`49.81 to 50.85` (percent of a fraction), or an en dash where the interval is unknown."""
    if low is None or high is None:
        return UNSET
    return " to ".join(dict.fromkeys((value(metric, low), value(metric, high)))).replace(" %", "")


def span(low: float, high: float, form: str) -> str:
    """`40 % to 60 %` (form ".0%"), or `40 %` where both ends are written alike."""
    ends = [f"{end:{form}}".replace("%", " %") for end in (low, high)]
    return " to ".join(dict.fromkeys(ends))


def setting(text: str | None) -> str:
    """A stored parameter (JSON text) as people write it: `tiny`, `0.001`, `tnews, afqmc`; an en dash where unset."""
    if text is None:
        return UNSET
    try:
        plain = stored_json.read(text)
    except ValueError:
        return text
    if plain is None or plain == "" or plain == []:
        return UNSET
    if isinstance(plain, bool):
        return setting_of(plain)
    if isinstance(plain, list) and not any(isinstance(item, list | dict) for item in plain):
        return ", ".join(map(str, plain))
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def typeset(text: str) -> str:
    """Numbers as they are printed: `-0.3` with the minus sign that axes have, `5%` with a space that does not break.

    Code, formulas and addresses stay as they are, and so do hyphens within words and numbers: `mini-zh`, `3e-4`.
    """
    return _SIGNS.sub(_printed, text) if "-" in text or "%" in text else text


def _printed(found: re.Match[str]) -> str:
    return found["kept"] or ("\N{MINUS SIGN}" if found["minus"] else "\N{NO-BREAK SPACE}%")


def plain(text: str) -> str:
    """Text as it is, where Markdown would read signs in it."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$<>:%-])", r"\\\1", text.replace("\n", " "))


def inline(text: str) -> str:
    """Text within a line of Markdown as it is: names, classes and errors are not read as Markdown.

    Signs of HTML stay: Markdown shows them as they are where HTML is not allowed. A percent sign stays on the line of
    its number.
    """
    text = text.replace("\n", " ").replace(" %", "\N{NO-BREAK SPACE}%")
    return re.sub(r"([\\`*_\[\]~$]|:(?=[\w/+-]+[\[:]))", r"\\\1", text)


def together(parts: Iterable[str | None], *, by: str = " · ") -> str:
    """Words that are there, each once: model and recipe of a run are one word where they are the same."""
    return by.join(dict.fromkeys(part for part in parts if part))


def count(n: int, what: str) -> str:
    """`1 run`, `3 runs`, `2 entities`."""
    if n == 1:
        return f"{n:,} {what}"
    many = f"{what[:-1]}ies" if what.endswith("ty") else f"{what}{'es' if what.endswith('h') else 's'}"
    return f"{n:,} {many}"


def cut(text: str, most: int) -> str:
    """The first characters of a text, with an ellipsis where there are more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def diverged(gone: int | None, kept: int) -> str:
    """`1 of 3 seeds diverged`, where a mean is over the other two; nothing where none did."""
    return f"{gone} of {count(gone + kept, 'seed')} diverged" if gone else ""


def over(n: object, what: str) -> str:
    """` over 20 draws`, what an interval is of; nothing where the store does not say."""
    return "" if n is None else f" over {count(int(as_number(n)), what)}"


def means(n: object, what: str) -> str:
    """`Means over 20 draws with 95 % intervals`; over fewer than three of them there are none to show."""
    return f"Means{over(n, what)}" + (", too few for intervals" if n in (1, 2) else " with 95 % intervals")


def interval(low: float | None, high: float | None, form: str = ".4g") -> str:
    """` (95 % 0.12 to 0.34)` behind a number, or nothing where there is no interval, as of two draws."""
    return "" if low is None or high is None else f" (95 % {low:{form}} to {high:{form}})"


def share_done(progress: float | None, eta_s: float | None) -> float | None:
    """How much of a job is done, 0 to 1; None for one that has said neither that nor the time left."""
    if not progress and eta_s is None:
        return None
    return min(max(progress or 0.0, 0.0), 1.0)


def duration(seconds: float | None) -> str:
    """`2 d 07 h`, `3 h 05 min`, `2 min 10 s`, `0.8 s`, `5 ms`, or an en dash for what is not known."""
    if seconds is None or not math.isfinite(seconds):
        return UNSET
    if 0 < seconds < 0.1:
        return f"{max(1000 * seconds, 1):.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400:,} d {whole % 86400 // 3600:02d} h"


def ago(moment: datetime | None) -> str:
    """`3 min ago` of a stored time (stored times without a zone are UTC)."""
    if moment is None:
        return UNSET
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{duration(max(0.0, (datetime.now(UTC) - aware).total_seconds()))} ago"


def moment(stored: datetime | None, now: datetime) -> str:
    """`today 14:05`, `yesterday 09:10`, `27 Nov 14:05` or `2025-11-27` of a stored time, on the reader's clock.

    Args:
        stored: in UTC where it has no zone.
        now: the present moment in the reader's zone.
    """
    if stored is None:
        return UNSET
    local = (stored if stored.tzinfo else stored.replace(tzinfo=UTC)).astimezone(now.tzinfo)
    for day, word in ((now, "today"), (now - timedelta(days=1), "yesterday")):
        if local.date() == day.date():
            return f"{word} {local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == now.year else f"{local:%Y-%m-%d}"


def setting_of(plain: object) -> str:
    """A value of a typed column as people write it; an en dash where unset."""
    if plain is None:
        return UNSET
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    return minus(f"{plain:g}" if isinstance(plain, float) else str(plain))
