"""An example as its reader needs it, as HTML: what differs in a pair, the span in its passage, the entities in colour.

The stored text of an example is the json of its input fields; its task says what they are and how they are drawn. All
text is escaped. Colours are translucent, so that they read on light and dark pages.
"""

import difflib
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.figures import style
from dashboard.frames import stored_json
from engine.text.tasks import TaskSpec
from engine.text.tokenizer import find_folded

DIFFERENT = "rgba(221,107,32,0.30)"
GOLD = "rgba(31,157,107,0.30)"
PREDICTED = "rgba(59,125,216,0.30)"
_BOX = "flex:1 1 260px;padding:.4rem .6rem;border-radius:.4rem;background:rgba(125,133,144,0.10)"
_BLANK = re.compile(r"#idiom\d+#")


def render(text: str, spec: TaskSpec | None, *, label: str | None = None, predictions: Sequence[str] = ()) -> str:
    """HTML of one stored example.

    Args:
        text: json of the input fields, as stored.
        spec: its task; None shows the fields one after the other.
        label: the gold answer as stored, None where it is hidden.
        predictions: answers of one or two runs, as stored.
    """
    try:
        fields = stored_json.read(text)
    except (TypeError, ValueError):
        return _paragraph(text or "")
    if not isinstance(fields, dict):
        return _paragraph(str(fields))
    if spec is None or any(name not in fields for name in spec.fields):
        return _paragraph(" ".join(str(value) for value in fields.values()))
    match spec.kind:
        case "choice":
            return (_blank if spec.fills_blanks else _choices)(fields, spec, label, predictions)
        case "span":
            return _span(fields, label, predictions)
        case "entities":
            return _entities(str(fields["text"]), spec, label, predictions)
    kinds = {spec.field_kind(name): name for name in spec.fields}
    if "marks" in kinds:
        return _marked_pronoun(fields, kinds["marks"])
    if "texts" in kinds:
        return _keywords(str(fields[kinds["text"]]), [str(word) for word in fields[kinds["texts"]]])
    if spec.kind == "pair":
        return _pair(*(str(fields[name]) for name in spec.fields))
    return _paragraph(" ".join(str(fields[name]) for name in spec.fields))


def differences(a: str, b: str) -> tuple[str, str]:
    """Both texts as HTML, the characters that the other lacks marked."""
    left, right = [], []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        left.append(html.escape(a[a0:a1]) if kind == "equal" else _mark(a[a0:a1], DIFFERENT))
        right.append(html.escape(b[b0:b1]) if kind == "equal" else _mark(b[b0:b1], DIFFERENT))
    return "".join(left), "".join(right)


def highlight(text: str, spans: Sequence[tuple[int, int, str, str]]) -> str:
    """Text with marked spans (start, end, colour, title); overlapping ones give the later start its own mark."""
    parts, at = [], 0
    for start, end, color, title in sorted(spans):
        if start < at or end <= start:
            continue
        parts += [html.escape(text[at:start]), _mark(text[start:end], color, title)]
        at = end
    return "".join([*parts, html.escape(text[at:])])


def _mark(text: str, color: str, title: str = "") -> str:
    if not text:
        return ""
    tip = f' title="{html.escape(title)}"' if title else ""
    return f'<mark style="background:{color};color:inherit;border-radius:.2rem"{tip}>{html.escape(text)}</mark>'


def _paragraph(text: str) -> str:
    return f'<div style="{_BOX}">{html.escape(text)}</div>'


def _row(*cells: str) -> str:
    boxes = "".join(f'<div style="{_BOX}">{cell}</div>' for cell in cells)
    return f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{boxes}</div>'


def _pair(a: str, b: str) -> str:
    return _row(*differences(a, b))


def _marked_pronoun(fields: Mapping[str, Any], marks: str) -> str:
    target, spans = fields[marks], []
    for number, color in ((1, GOLD), (2, PREDICTED)):
        start, surface = int(target[f"span{number}_index"]), str(target[f"span{number}_text"])
        spans.append((start, start + len(surface), color, "noun" if number == 1 else "pronoun"))
    return _row(highlight(str(fields["text"]), spans))


def _keywords(abstract: str, words: Sequence[str]) -> str:
    spans = [(m.start(), m.end(), PREDICTED, w) for w in words for m in re.finditer(re.escape(w), abstract)]
    chips = " ".join(_mark(word, PREDICTED if word in abstract else DIFFERENT) for word in words)
    return _row(f"{chips}<br>{highlight(abstract, spans)}")


def _choices(fields: Mapping[str, Any], spec: TaskSpec, label: str | None, predictions: Sequence[str]) -> str:
    passage = fields.get("passage", "")
    lines = "<br>".join(html.escape(str(line)) for line in (passage if isinstance(passage, list) else [passage]))
    listed = _options([str(choice) for choice in fields[spec.options]], label, predictions)
    asked = f"<b>{html.escape(str(fields.get('question', '')))}</b>{listed}"
    return _row(lines, asked) if lines else _row(asked)


def _options(options: Sequence[str], label: str | None, predictions: Sequence[str]) -> str:
    items = []
    for number, option in enumerate(options):
        signs = "✓ " if label == str(number) else ""
        who = [name for name, chosen in zip("AB", predictions, strict=False) if chosen == str(number)]
        color = GOLD if label == str(number) else PREDICTED if who else "transparent"
        chosen = f" <small>← {', '.join(who) if len(predictions) > 1 else 'predicted'}</small>" if who else ""
        items.append(f"<li>{signs}{_mark(option, color)}{chosen}</li>")
    return f'<ol start="0" style="margin:.3rem 0 0 0">{"".join(items)}</ol>'


def _blank(fields: Mapping[str, Any], spec: TaskSpec, label: str | None, predictions: Sequence[str]) -> str:
    candidates = [str(candidate) for candidate in fields[spec.options]]
    shown = label if label is not None else predictions[0] if predictions else None
    filled = (
        candidates[int(shown)] if shown is not None and shown.isdigit() and int(shown) < len(candidates) else "____"
    )
    before, _, after = str(fields["content"]).partition(str(fields["blank"]))
    text = html.escape(_BLANK.sub("____", before)) + _mark(filled, GOLD) + html.escape(_BLANK.sub("____", after))
    return _row(text, _options(candidates, label, predictions))


def _span(fields: Mapping[str, Any], label: str | None, predictions: Sequence[str]) -> str:
    context, spans = str(fields["context"]), []
    answers = [(label, GOLD, "gold")]
    names = ("predicted by A", "predicted by B") if len(predictions) > 1 else ("predicted",)
    answers += [(answer, PREDICTED, name) for name, answer in zip(names, predictions, strict=False)]
    for answer, color, title in answers:
        place = find_folded(context, answer) if answer else None  # older runs stored answers in lower case
        if place:
            spans.append((*place, color, title))
    said = "".join(
        f"<br><small>{html.escape(title)}:</small> {_mark(answer, color)}" for answer, color, title in answers if answer
    )
    return _row(highlight(context, spans), f"<b>{html.escape(str(fields.get('question', '')))}</b>{said}")


def _type_color(kind: str, spec: TaskSpec) -> str:
    known = spec.labels.index(kind) if kind in spec.labels else 0
    return style.fade(style.SEQUENCE[known % len(style.SEQUENCE)], 0.35)


def _entities(text: str, spec: TaskSpec, label: str | None, predictions: Sequence[str]) -> str:
    rows = [] if label is None else [("gold", label)]
    names = ("A", "B") if len(predictions) > 1 else ("predicted",)
    rows += list(zip(names, predictions, strict=False))
    cells = []
    for name, spelled in rows:
        nested = stored_json.read(spelled) if spelled else {}
        spans = [
            (start, end + 1, _type_color(kind, spec), kind)
            for kind, surfaces in nested.items()
            for places in surfaces.values()
            for start, end in places
        ]
        kinds = ", ".join(_mark(kind, _type_color(kind, spec)) for kind in nested)
        cells.append(f"<small>{html.escape(name)}: {kinds or 'none'}</small><br>{highlight(text, spans)}")
    return _row(*cells)
