"""A session of the dashboard as a browser has one: pages, changed widgets and reruns over Streamlit's WebSocket.

The server's interface for programs would do too, but it describes every element for its reader and spells every point
of every curve: of a page of a hundred curves, half of its time is work that no browser asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

SECONDS = 60
Widget = tuple[str, str, Any]
"""Id of the fragment that holds it (may be empty), kind, protobuf message."""


class Session:
    """An open page; close it when done."""

    def __init__(self, base: str) -> None:
        """Connect to a server.

        Args:
            base: its address, `http://localhost:8501`.
        """
        address = f"{base.replace('http', 'ws', 1)}/_stcore/stream"
        self._socket = connect(address, subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]
        self._at = BackMsg()
        self._widgets: dict[str, Widget] = {}
        self._states: dict[str, WidgetState] = {}
        self.elements = 0
        """how many the last answer had"""

    def close(self) -> None:
        """End the session."""
        self._socket.close()

    def open(self, page: str, query: dict[str, str]) -> None:
        """Go to a page and wait until its script has run to its end; RuntimeError where it fails."""
        self._at.rerun_script.page_name = page
        self._at.rerun_script.query_string = urlencode(query)
        self.again()

    def again(self) -> None:
        """Run the page again."""
        self._send()

    def change(self, key: str, value: Any) -> None:
        """Give a widget a new value; what a fragment holds runs that fragment alone, as in a browser."""
        fragment, kind, element = self._widgets[key]
        self._set(kind, element.id, value)
        self._send(fragment)

    def slide(self) -> None:
        """Move the first slider with one handle by one step; a page without one runs again."""
        for key, (_, kind, element) in self._widgets.items():
            if kind == "slider" and (value := stepped(element)) is not None:
                return self.change(key, value)
        return self.again()

    def _set(self, kind: str, name: str, value: Any) -> None:
        self._states[name] = WidgetState(id=name)
        SETTERS[kind](self._states[name], value)

    def _send(self, fragment: str = "") -> None:
        message = BackMsg()
        message.CopyFrom(self._at)
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend(self._states.values())
        self._socket.send(message.SerializeToString())
        self.elements = 0
        while True:
            answer = ForwardMsg.FromString(bytes(self._socket.recv(timeout=SECONDS)))  # type: ignore[arg-type]
            if answer.WhichOneof("type") == "delta" and answer.delta.WhichOneof("type") == "new_element":
                self._keep(answer)
            elif answer.WhichOneof("type") == "page_info_changed":
                self._at.rerun_script.query_string = answer.page_info_changed.query_string
            elif answer.WhichOneof("type") == "script_finished" and answer.script_finished != _AGAIN:
                return

    def _keep(self, answer: ForwardMsg) -> None:
        """Remember a widget by its key, and a value that the page gave it, which a browser sends with each request."""
        self.elements += 1
        kind = str(answer.delta.new_element.WhichOneof("type"))
        element = getattr(answer.delta.new_element, kind)
        if kind == "exception":
            raise RuntimeError(f"the page {self._at.rerun_script.page_name!r} failed: {element.message}")
        parts = str(getattr(element, "id", "")).split("-", 2)  # $$ID-hash-key
        if kind in SETTERS and len(parts) == 3:
            self._widgets[parts[2]] = (answer.delta.fragment_id, kind, element)
            if element.set_value:
                self._set(kind, element.id, getattr(element, GIVEN.get(kind, "value")))


_AGAIN = ForwardMsg.ScriptFinishedStatus.Value("FINISHED_EARLY_FOR_RERUN")


def stepped(slider: Any) -> float | None:
    """The value of a slider of numbers with one handle, one step further (or back at its end); None for others."""
    if slider.options or len(slider.default) != 1 or slider.data_type > slider.FLOAT:
        return None
    step, value = slider.step or 1, slider.default[0]
    return float(value + step if value + step <= slider.max else value - step)


def _text(state: WidgetState, value: str) -> None:
    state.string_value = value


def _truth(state: WidgetState, value: bool) -> None:
    state.bool_value = value


def _number(state: WidgetState, value: float) -> None:
    state.double_value = value


def _numbers(state: WidgetState, value: float | Sequence[float]) -> None:
    state.double_array_value.data.extend([value] if isinstance(value, int | float) else value)


def _choices(state: WidgetState, value: str | Sequence[str]) -> None:
    state.string_array_value.data.extend([value] if isinstance(value, str) else value)


SETTERS: dict[str, Callable[[WidgetState, Any], None]] = {
    "text_input": _text,
    "text_area": _text,
    "selectbox": _text,
    "checkbox": _truth,
    "number_input": _number,
    "slider": _numbers,
    "button_group": _choices,
    "multiselect": _choices,
}
"""How a browser sends the value of each kind of widget."""
GIVEN = {"selectbox": "raw_value", "multiselect": "raw_values", "button_group": "raw_values"}
"""Where the page's own value of a widget stands; elsewhere in `value`."""
