"""Names of lines at their right ends: beside the last point, never upon one another."""

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures import line_ends, style


def named(ends, **axis):
    figure = go.Figure()
    for index, end in enumerate(ends):
        figure.add_scatter(x=[1, 2], y=[1.0, end], name=f"line {index}", mode="lines", line={"color": "#3b7dd8"})
    return line_ends.name_lines(style.finish(figure, x="n", y="loss", y_axis=axis))


@given(st.lists(st.floats(-1e6, 1e6), max_size=12), st.floats(0.1, 100))
def test_spread_places_keep_their_order_and_a_distance(places, apart):
    moved = line_ends.spread(places, apart)
    order = np.argsort(places, kind="stable")
    assert np.all(np.diff(moved[order]) >= apart - 1e-6)
    assert moved.sum() == pytest.approx(sum(places), abs=1e-3)


def test_places_that_are_far_apart_stay():
    assert line_ends.spread([30, 0, 100], 15) == pytest.approx([30, 0, 100])
    assert line_ends.spread([0, 0], 15) == pytest.approx([-7.5, 7.5])


def test_a_name_stands_at_the_last_point_of_its_line_and_not_in_a_legend():
    figure = named([2.0, 5.0])
    assert [(note.x, note.y, note.yshift) for note in figure.layout.annotations] == [(1, 2.0, 0), (1, 5.0, 0)]
    assert [note.text.split("</span> ")[1] for note in figure.layout.annotations] == ["line 0", "line 1"]
    assert figure.layout.showlegend is False
    assert figure.layout.margin.r > 60


def test_lines_that_end_together_have_names_above_one_another():
    notes = named([3.0, 3.0, 3.0, 9.0]).layout.annotations
    assert sorted(note.yshift for note in notes) == [-15, 0, 0, 15]


def test_logarithmic_axes_take_logarithms_and_an_end_outside_stays_at_the_edge():
    assert [note.y for note in named([10.0, 1000.0], type="log").layout.annotations] == [1, 3]
    assert [note.y for note in named([0.5, 7.0], range=[0, 1]).layout.annotations] == [0.5, 1]


def test_points_keep_their_place_in_the_legend_and_one_line_its_axis_title():
    figure = go.Figure()
    for name, mode in (("a", "lines"), ("b", "lines"), ("measured", "markers")):
        figure.add_scatter(x=[1, 2], y=[1, 2], name=name, mode=mode)
    line_ends.name_lines(style.finish(figure, x="n", y="loss"))
    assert [trace.showlegend for trace in figure.data] == [False, False, None]
    assert figure.layout.showlegend is True
    assert named([2.0]).layout.annotations == ()


def test_a_line_without_a_finite_value_does_not_stop_the_figure():
    assert len(named([np.nan, 2.0]).layout.annotations) == 2
    assert len(named([np.nan, np.nan], type="log").layout.annotations) == 2
