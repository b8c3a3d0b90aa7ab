"""Numbers in sentences that are dragged: what the browser gets, and what a drag moves."""

import json

import pytest
import streamlit as st

from dashboard.parts.labs import numbers
from dashboard.parts.labs.numbers import Number, spaced
from tests.dashboard.conftest import spoken


def test_the_values_are_those_of_a_slider():
    assert spaced(0.1, 0.5, 0.1) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert spaced(-2, 2, 0.5)[:3] == [-2, -1.5, -1]
    assert len(spaced(0.01, 0.99, 0.01)) == 99


def test_a_sentence_has_the_numbers_of_its_widgets(open_page, empty_store):
    app = open_page("initialization/depth", empty_store, initialization_depth_width="8")
    assert "after 40 layers of width 8 the typical" in spoken(app).replace("After", "after")
    components = [json.loads(item.proto.json) for item in app.get("bidi_component")]
    (sentence,) = [found for found in components if "pieces" in found]
    depth, width = (piece for piece in sentence["pieces"] if "name" in piece)
    assert (depth["label"], depth["values"][depth["place"]]) == ("layers", "40")
    assert width["values"][width["place"]] == "8"
    app.slider(key="initialization_depth_layers").set_value(7).run()
    assert "7 layers of width 8" in spoken(app)


@pytest.mark.parametrize(("place", "value"), [(2, 0.3), (-5, 0.1), (99, 0.4)])
def test_a_drag_moves_its_widget_and_stays_in_its_range(place, value, monkeypatch):
    state = {"sentence": {"moved": {"name": "w", "place": place}}, "widget": 0.1}
    monkeypatch.setattr(st, "session_state", state)
    numbers._move({"w": Number("widget", [0.1, 0.2, 0.3, 0.4], "width")}, "sentence")
    assert state["widget"] == value
    state["sentence"]["moved"] = {"name": "unknown", "place": 1}
    numbers._move({"w": Number("widget", [0.1, 0.2, 0.3, 0.4], "width")}, "sentence")
    assert state["widget"] == value
