"""A figure can leave the page: its data as rows, itself as one HTML file."""

import ast
import inspect
import io
import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard.figures import compare
from dashboard.parts import plots
from dashboard.reports import figure_files


def test_lines_bars_and_heat_maps_become_rows():
    figure = go.Figure(
        [
            go.Scatter(x=[1, 2], y=[0.5, 0.7], name="准确率"),
            go.Bar(y=[3, 4], name="rows"),
            go.Heatmap(z=[[1, 2], [3, 4]], x=["a", "b"], y=["c", "d"]),
        ]
    )
    rows = figure_files.data(figure).rows(named=True)
    assert rows[0] == {"trace": "准确率", "x": "1", "y": "0.5", "z": None}
    assert [row["x"] for row in rows if row["trace"] == "rows"] == ["0", "1"]
    assert {(row["x"], row["y"], row["z"]) for row in rows if row["trace"] == "2"} == {
        ("a", "c", "1"),
        ("b", "c", "2"),
        ("a", "d", "3"),
        ("b", "d", "4"),
    }


def test_intervals_leave_with_their_points():
    rows = pl.DataFrame(
        {"name": ["B: mini-zh · lr 3e-4"], "metric": "f1", "value": [0.01], "low": [-0.02], "high": [0.05]}
    )
    (row,) = figure_files.data(compare.differences(rows)).rows(named=True)
    assert (row["y"], float(row["x"])) == ("B: mini-zh · lr 3e-4", 1.0)
    assert [float(row[end]) for end in ("x low", "x high")] == pytest.approx([-2.0, 5.0])
    drawn = go.Scatter(x=[1, 2], y=[1.0, 2.0], error_y={"array": [0.5, 0.25]})
    assert figure_files.data(go.Figure(drawn))["y high"].to_list() == ["1.5", "2.25"]


def test_lines_leave_with_the_words_of_their_axes_and_say_what_is_a_logarithm():
    frame = pl.DataFrame({"kind": ["a", "b"] * 10, "lr": [10.0 ** -(n % 10) for n in range(20)], "dev/f1": [0.5] * 20})
    found = figure_files.data(compare.parallel(frame, ["kind", "lr"], color="dev/f1"))
    assert found.columns == ["trace", "kind", "log10 lr"]
    assert found.row(1) == ("0", "b", "-1.0")


def test_parallel_coordinates_keep_a_column_for_each_axis():
    lines = go.Parcoords(
        dimensions=[{"label": "epochs", "values": [1, 2]}, {"label": "accuracy", "values": [0.5, 0.6]}]
    )
    assert figure_files.data(go.Figure(lines)).columns == ["trace", "epochs", "accuracy"]


def test_an_empty_figure_is_an_empty_table():
    assert figure_files.data(go.Figure()).is_empty()


def test_a_saved_figure_carries_its_script():
    text = figure_files.to_html(go.Figure(go.Scatter(x=[1], y=[2])))
    assert "Plotly.newPlot" in text
    assert "cdn.plot.ly" not in text.split("</script>")[-2]


def test_parquet_keeps_numbers_as_numbers_and_gaps_as_nulls():
    figure = go.Figure([go.Scatter(x=["a", "b"], y=[0.5, None], name="准确率")])
    frame = pl.read_parquet(io.BytesIO(figure_files.to_parquet(figure)))
    assert frame.rows() == [("准确率", "a", 0.5), ("准确率", "b", None)]


def test_a_figure_on_paper_is_as_wide_as_the_text_and_leaves_the_page_as_it_was():
    figure = go.Figure(go.Scatter(x=[1], y=[2])).update_layout(height=900, sliders=[{"active": 0}])
    paper = figure_files.on_paper(figure)
    assert (paper.layout.width, paper.layout.height) == (figure_files.WIDTH, figure_files.TALLEST)
    assert not paper.layout.sliders
    assert (figure.layout.width, figure.layout.height) == (None, 900)


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_draws_pdf():
    if not figure_files.has_browser():
        pytest.skip("no Chromium on this machine")
    assert figure_files.to_pdf(go.Figure(go.Scatter(x=[1, 2], y=[2, 3], name="花呗"))).startswith(b"%PDF")


def test_the_buttons_of_a_menu_are_there_once_it_is_opened(open_page, empty_store):
    app = open_page("smoothing/kernels", empty_store)
    data = {"csv", "parquet", "html"}
    assert not data & saved_as(app, "smoothing_curves")
    app.session_state["smoothing_curves_save"] = True
    assert data <= saved_as(app.run(), "smoothing_curves")
    app.session_state["smoothing_curves_save"] = False
    assert not data & saved_as(app.run(), "smoothing_curves")


def saved_as(app, key):
    """Kinds of files that a page offers of a figure."""
    names = [item.proto.id.rpartition("-")[2] for item in app.get("download_button")]
    return {name.removeprefix(f"{key}_") for name in names if name.startswith(f"{key}_")}


def test_every_figure_of_a_page_has_a_title():
    """Figures come to a page only through `plots`: there the title has no default and an empty one is an error."""
    folder = Path(plots.__file__).parents[1]
    drawing = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "plotly_chart" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr == "plotly_chart"
    }
    assert drawing == {"parts/plots.py"}
    assert inspect.signature(plots.show).parameters["title"].default is inspect.Parameter.empty
    with pytest.raises(ValueError, match="nameless needs a title"):
        plots.show(go.Figure(), key="nameless", alt="nothing", title="")


def test_no_figure_is_made_while_modules_are_imported():
    """A first session imports pages while another thread may hold half of pandas: plotly would take that half."""
    folder = Path(plots.__file__).parents[1]
    modules = [
        ".".join(("dashboard", *path.relative_to(folder).with_suffix("").parts)) for path in folder.glob("figures/*.py")
    ]
    code = (
        "import plotly.graph_objects as go\n"
        "def refuse(*_, **__): raise RuntimeError('a figure is made at import')\n"
        "go.Figure.__init__ = refuse\n"
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder.parent)
    assert done.returncode == 0, done.stderr[-300:]
