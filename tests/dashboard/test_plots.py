"""A figure can leave the page: its data as rows, itself as one HTML file."""

import plotly.graph_objects as go

from dashboard.parts import plots


def test_lines_bars_and_heat_maps_become_rows():
    figure = go.Figure(
        [
            go.Scatter(x=[1, 2], y=[0.5, 0.7], name="准确率"),
            go.Bar(y=[3, 4], name="rows"),
            go.Heatmap(z=[[1, 2], [3, 4]], x=["a", "b"], y=["c", "d"]),
        ]
    )
    rows = plots.data(figure).rows(named=True)
    assert rows[0] == {"trace": "准确率", "x": "1", "y": "0.5", "z": None}
    assert [row["x"] for row in rows if row["trace"] == "rows"] == ["0", "1"]
    assert {(row["x"], row["y"], row["z"]) for row in rows if row["trace"] == "2"} == {
        ("a", "c", "1"),
        ("b", "c", "2"),
        ("a", "d", "3"),
        ("b", "d", "4"),
    }


def test_parallel_coordinates_keep_a_column_for_each_axis():
    lines = go.Parcoords(
        dimensions=[{"label": "epochs", "values": [1, 2]}, {"label": "accuracy", "values": [0.5, 0.6]}]
    )
    assert plots.data(go.Figure(lines)).columns == ["trace", "epochs", "accuracy"]


def test_an_empty_figure_is_an_empty_table():
    assert plots.data(go.Figure()).is_empty()


def test_a_saved_figure_carries_its_script():
    text = plots.to_html(go.Figure(go.Scatter(x=[1], y=[2])))
    assert "Plotly.newPlot" in text
    assert "cdn.plot.ly" not in text.split("</script>")[-2]
