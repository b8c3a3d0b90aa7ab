"""A figure that is not checked sends what a checked one sends, and every chapter's figures pass plotly's checks."""

import json
import pickle
from datetime import UTC, date, datetime

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard import rooms
from dashboard.figures import style, unchecked

ARRAYS = {
    "floats of polars": pl.Series([0.5, 1.5]),
    "integers with a gap": pl.Series([1, None, 3]),
    "words of polars": pl.Series(["a", "b"]),
    "words with a gap": pl.Series(["a", None]),
    "truth values": pl.Series([True, False]),
    "dates": pl.Series([date(2026, 1, 2), None]),
    "times": pl.Series([datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)]),
    "numpy": np.linspace(0, 1, 3),
    "list with a gap": [1.0, None, 2.0],
    "tuple": (1, 2),
}


def sent(figure):
    return json.loads(figure.to_json())


@pytest.mark.parametrize("name", ARRAYS)
def test_every_kind_of_array_is_sent_as_plotly_sends_it(name):
    values = ARRAYS[name]
    trace = {"x": values, "y": values}
    if name in ("floats of polars", "numpy", "tuple"):
        trace |= {"marker": {"color": values, "size": 4}, "error_y": {"array": values}}
    figures = []
    for kind in (go.Figure, unchecked.Figure):
        figure = kind().add_scatter(**trace, name="a", text=None).add_bar(x=values, y=values)
        figure.add_trace(go.Scatter(x=values)).add_heatmap(z=[[1, 2]], colorscale=style.HEAT)
        figures.append(sent(style.finish(figure, x="x", y="y")))
    assert figures[0] == figures[1]


def test_a_copy_by_pickle_sends_the_same():
    figure = style.finish(unchecked.Figure([{"y": [1, 2], "name": "a"}]), x="x", y="y")
    assert sent(pickle.loads(pickle.dumps(figure))) == sent(figure)


def test_traces_and_a_layout_are_taken_and_a_misspelled_property_is_left_to_the_tests_of_pages():
    traces, layout = [{"type": "bar", "y": [1]}], {"bargap": 0.1}
    assert sent(unchecked.Figure(traces, layout)) == sent(go.Figure(traces, layout))
    assert sent(unchecked.Figure(traces[0])) == sent(go.Figure(traces[0]))
    wrong = unchecked.Figure().add_scatter(x=[1], colour="red")
    with pytest.raises(ValueError, match="colour"):
        go.Figure(sent(wrong))


@pytest.mark.parametrize("lab", [lab.key for lab in rooms.LABS])
def test_the_figures_of_every_chapter_pass_the_checks(lab, empty_store, open_page):
    for chapter in rooms.lab_of(lab).all_chapters:
        open_page(f"{lab}/{chapter.key}", empty_store, more=True)  # checks the figures
