"""What a user wrote never makes a viewer's browser ask another address.

Markdown makes an image of `![x](https://...)`, and the browser of everybody who opens the page fetches it. Notes,
names, classes, metrics and errors come to Markdown in a hundred places; on the way to the browser all of them pass
here, and the sign that would begin an image gets a backslash. HTML is escaped where it is made; the project's own texts
hold no image of Markdown.

In sentences a name stays on one line: a browser breaks lines behind every hyphen, so that one line would end with
`mini-` or `3e-` and the next begin with `zh` or `4`. Such words go into `:small[...]`, a span that the stylesheet keeps
on one line at the size of its sentence; a sign of no width behind the hyphen would be copied along with a name.

Numbers have the minus sign of the figures' axes and a space before the percent sign that does not break. A cell of a
table that holds nothing shows an en dash, as everywhere.
"""

import re
from functools import wraps
from typing import Any

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from dashboard.figures.words import KEPT, UNSET, typeset

MARKDOWN = frozenset(("body", "label", "help", "title", "text", "delta", "delta_description", "captions", "message"))
"""Fields that Streamlit may read as Markdown."""
NO_MARKDOWN = frozenset(("html", "json", "code", "plotly_chart", "dataframe", "bidi_component"))
"""Elements of which it reads nothing so."""
SENTENCES = frozenset(("markdown", "alert", "heading"))
"""Elements whose body is text in lines."""
LONGEST_WORD = 24
"""Characters of a word that still fits into a line of a narrow window; longer ones may break."""
_HYPHENATED = re.compile(rf"(?P<kept>{KEPT})|(?<![:\\])(?<![^\W_])[^\W_]+(?:\\?-[^\W_]+)+")


def stay_inside() -> None:
    """Let every message to a browser pass `as_meant`; doing it again changes nothing."""
    send = ScriptRunContext.enqueue
    if getattr(send, "stays_inside", False):
        return

    @wraps(send)
    def enqueue(self: ScriptRunContext, msg: ForwardMsg) -> None:
        as_meant(msg)
        send(self, msg)

    enqueue.stays_inside = True  # type: ignore[attr-defined]
    ScriptRunContext.enqueue = enqueue  # type: ignore[method-assign]


def as_meant(msg: ForwardMsg) -> None:
    """Keep images of Markdown out and hyphenated words together; print numbers and empty cells in one way."""
    if msg.WhichOneof("type") != "delta":
        return
    kind = msg.delta.WhichOneof("type")
    if kind == "new_element":
        element = msg.delta.new_element.WhichOneof("type")
        if element == "dataframe" and not msg.delta.new_element.dataframe.HasField("placeholder"):
            msg.delta.new_element.dataframe.placeholder = UNSET
        if element is not None and element not in NO_MARKDOWN:
            proto = getattr(msg.delta.new_element, element)
            _mend(proto)
            if element in SENTENCES and not getattr(proto, "allow_html", False):
                proto.body = unbroken(proto.body)
    elif kind == "add_block":
        block = msg.delta.add_block.WhichOneof("type")
        if block is not None:
            _mend(getattr(msg.delta.add_block, block))


def _mend(proto: Any) -> None:
    for field, value in proto.ListFields():
        if field.name not in MARKDOWN:
            continue
        if isinstance(value, str):
            if (mended := typeset(value.replace("![", "!\\["))) != value:
                setattr(proto, field.name, mended)
        elif field.name == "captions":
            value[:] = [typeset(text.replace("![", "!\\[")) for text in value]


def unbroken(text: str) -> str:
    """Markdown in which words with hyphens stay on one line; code, formulas and addresses stay as they are."""
    return _HYPHENATED.sub(_together, text) if "-" in text else text


def _together(found: re.Match[str]) -> str:
    word = found.group()
    return word if found["kept"] or len(word) > LONGEST_WORD else f":small[{word}]"
