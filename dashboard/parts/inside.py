"""What a user wrote never makes a viewer's browser ask another address.

Markdown makes an image of `![x](https://...)`, and the browser of everybody who opens the page fetches it. Notes,
names, classes, metrics and errors come to Markdown in a hundred places; on the way to the browser all of them pass
here, and the sign that would begin an image gets a backslash. HTML is escaped where it is made; the project's own texts
hold no image of Markdown.
"""

from functools import wraps
from typing import Any

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

MARKDOWN = frozenset(("body", "label", "help", "title", "text", "delta", "delta_description", "captions", "message"))
"""Fields that Streamlit may read as Markdown."""
NO_MARKDOWN = frozenset(("html", "json", "code", "plotly_chart", "dataframe", "bidi_component"))
"""Elements of which it reads nothing so."""


def stay_inside() -> None:
    """Let every message to a browser pass `without_images`; doing it again changes nothing."""
    send = ScriptRunContext.enqueue
    if getattr(send, "stays_inside", False):
        return

    @wraps(send)
    def enqueue(self: ScriptRunContext, msg: ForwardMsg) -> None:
        without_images(msg)
        send(self, msg)

    enqueue.stays_inside = True  # type: ignore[attr-defined]
    ScriptRunContext.enqueue = enqueue  # type: ignore[method-assign]


def without_images(msg: ForwardMsg) -> None:
    """Put a backslash into what would begin an image of Markdown."""
    if msg.WhichOneof("type") != "delta":
        return
    kind = msg.delta.WhichOneof("type")
    if kind == "new_element":
        element = msg.delta.new_element.WhichOneof("type")
        if element is not None and element not in NO_MARKDOWN:
            _escape(getattr(msg.delta.new_element, element))
    elif kind == "add_block":
        block = msg.delta.add_block.WhichOneof("type")
        if block is not None:
            _escape(getattr(msg.delta.add_block, block))


def _escape(proto: Any) -> None:
    for field, value in proto.ListFields():
        if field.name not in MARKDOWN:
            continue
        if isinstance(value, str):
            if "![" in value:
                setattr(proto, field.name, value.replace("![", "!\\["))
        elif field.name == "captions":
            value[:] = [text.replace("![", "!\\[") for text in value]
