"""Figures whose traces are handed on as they are: what reaches the browser is what plotly itself would send."""

import json
from base64 import b64decode

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard.figures import run_grid
from dashboard.figures.many_curves import ManyCurves, packed


def unpacked(sent):
    """The numbers of an array as plotly.js reads them."""
    return np.frombuffer(b64decode(sent["bdata"]), sent["dtype"]).tolist()


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_arrays_are_packed_as_plotly_packs_them(dtype):
    values = np.array([1, -2, 3, 40], dtype=dtype)
    theirs = json.loads(go.Figure(go.Scatter(y=values)).to_json())["data"][0]["y"]
    assert unpacked(packed(values)) == unpacked(theirs) == values.tolist()


def test_traces_and_layout_are_sent_as_they_are():
    trace = {"type": "scatter", "x": packed(np.arange(3, dtype=np.int32)), "name": "a"}
    sent = json.loads(ManyCurves([trace], {"height": 230}).to_json())
    assert sent["data"] == [trace]
    assert sent["layout"]["height"] == 230


def test_plotly_accepts_what_a_chart_of_the_grid_holds():
    frame = pl.DataFrame(
        {"run_id": ["a"] * 3 + ["b"] * 3, "x": [0.0, 1, 2] * 2, "value": [0.5, 0.6, 0.7, 0.5, 0.5, 0.9]}
    )
    line = run_grid.Line("a and b", "#3b7dd8", ("a", "b"))
    for log_y in (False, True):
        sent = run_grid.chart(frame, [line], metric="dev/accuracy", log_y=log_y).to_dict()
        checked = go.Figure(sent)  # raises where a property is unknown
        assert checked.layout.title.text == "dev accuracy"
        band, mean = checked.data
        assert len(unpacked(band.x)) == 6
        assert unpacked(mean.y) == pytest.approx([0.5, 0.55, 0.8])


def test_curves_on_other_points_are_interpolated_and_end_where_they_end():
    frame = pl.DataFrame(
        {"run_id": ["a"] * 4 + ["b"] * 2, "x": [0.0, 1, 2, 3, 0.0, 2], "value": [1.0] * 4 + [3.0, 5.0]}
    )
    sent = run_grid.chart(frame, [run_grid.Line("both", "#3b7dd8", ("a", "b"))], metric="train/loss").to_dict()
    assert unpacked(go.Figure(sent).data[1].y) == pytest.approx([2.0, 2.5, 3.0, 1.0])


def test_the_main_score_and_the_losses_are_drawn_first():
    names = ["train/lr", "dev/auc", "dev/macro_f1", "train/loss", "dev/loss", "dev/accuracy", "system/cpu", "own"]
    shown = run_grid.ordered(names)
    assert shown[:3] == ["dev/accuracy", "dev/loss", "train/loss"]
    assert shown[-1] == "own"
    assert sorted(shown) == sorted(set(names) - {"system/cpu"})
    assert run_grid.ordered(["dev/own", "train/loss"]) == ["train/loss", "dev/own"]


def test_a_chart_without_a_finite_value_says_so():
    frame = pl.DataFrame({"run_id": ["a", "a"], "x": [1, 2], "value": [float("nan"), float("inf")]})
    line = run_grid.Line("a", "#3b7dd8", ("a",))
    assert run_grid.chart(frame, [line], metric="train/loss").to_dict()["layout"]["title"]["text"] == (
        "train loss: no value is finite"
    )
    finite = frame.with_columns(value=pl.lit(1.0))
    assert run_grid.chart(finite, [line], metric="train/loss").to_dict()["layout"]["title"]["text"] == "train loss"
