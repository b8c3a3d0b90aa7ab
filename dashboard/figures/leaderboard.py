"""Figure and words of the leaderboard; the table is `leaderboard_table`.

All functions take the long form: `row` (the model in the table), `task`, `value` (a fraction), `sd`, `n` (seeds).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words
from dashboard.figures.unchecked import Figure
from dashboard.frames.numbers import as_number

LONG_SCHEMA = {
    "row": pl.String,
    "task": pl.String,
    "value": pl.Float64,
    "sd": pl.Float64,
    "n": pl.Int64,
}


def score_text(value: float | None, sd: float | None = None, n: int | None = None) -> str:
    """`73.61 ± 0.31 (3)` of mean, standard deviation and seeds; `73.61` of a single value, "" of none."""
    if value is None:
        return ""
    if n is None or n < 2 or sd is None:
        return words.minus(f"{100 * value:.2f}")
    return f"{words.minus(f'{100 * value:.2f}')} ± {100 * sd:.2f} ({n})"


def gap_text(value: float | None, reference: float | None) -> str:
    """`+0.42` points of `value` over `reference`, "" where either is missing."""
    if value is None or reference is None:
        return ""
    return words.points(value - reference)


def marks(variants: Sequence[str]) -> dict[str, str]:
    """Variant -> `[1]`, `[2]`, ... in the order in which they come; nothing for an empty one."""
    named = [variant for variant in dict.fromkeys(variants) if variant]
    return {variant: f"[{number}]" for number, variant in enumerate(named, 1)}


def mean_of(long: pl.DataFrame, row: str) -> dict[str, float]:
    """Task -> value of one row of the long form."""
    return dict(long.filter(row=row).select("task", "value").iter_rows())


def scores(
    measured: pl.DataFrame,
    published: pl.DataFrame,
    tasks: Sequence[str],
    *,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    height: int = 400,
) -> go.Figure:
    """Every score of every task: filled dots with sd are measured, hollow diamonds published, ticks are baselines.

    Args:
        measured: long form.
        published: long form.
        tasks: order of the x axis.
        baselines: name ("majority", "chance") -> task -> value.
        height: in pixels.
    """
    traces: list[dict[str, Any]] = []
    for name, values in (baselines or {}).items():
        shown = [task for task in tasks if task in values]
        symbol = "line-ew-open" if name == "majority" else "x-thin-open"
        look = {"symbol": symbol, "size": 14, "color": style.NEUTRAL, "line": {"width": 2}}
        traces.append(_dots(name, shown, [values[task] for task in shown], look))
    if not published.is_empty():
        points = style.published_marker(*(published[column].to_list() for column in ("task", "value", "row")))
        small = points["marker"] | {"size": 8, "line": {"width": 1}}
        traces.append(points | {"marker": small, "opacity": 0.7})
    models = sorted(
        {name.partition(" · ")[0] for name in measured["row"]}, key=lambda m: (m not in style.METHOD_COLORS, m)
    )
    colors = dict(zip(models, style.run_colors(models), strict=True))
    for (name,), part in measured.group_by("row", maintain_order=True):
        model, _, recipe = str(name).partition(" · ")
        look = {"size": 10, "color": colors[model], "symbol": _symbol(recipe)}
        error = {"type": "data", "array": part["sd"].fill_null(0.0).to_list(), "thickness": 1.5}
        traces.append(_dots(str(name), part["task"].to_list(), part["value"].to_list(), look) | {"error_y": error})
    order = {"type": "category", "categoryorder": "array", "categoryarray": list(tasks)}
    axes: dict[str, Any] = {"x": "task", "y": "score (the task's metric)", "y_axis": style.PERCENT}
    axes["x_axis"] = order | {"range": [-0.5, len(tasks) - 0.5]}
    return style.finish(Figure(traces), **axes, height=height, legend=True)


def _dots(name: str, tasks: list[str], values: list[float], marker: dict[str, Any]) -> dict[str, Any]:
    """A trace of scores, one a task."""
    hover = "%{text}<extra>" + name + "</extra>"
    return {
        "x": tasks,
        "y": values,
        "text": [words.percent(value) for value in values],
        "name": name,
        "mode": "markers",
        "marker": marker,
        "hovertemplate": hover,
    }


def _symbol(recipe: str) -> str:
    return {"": "circle", "modern": "circle", "blog": "square"}.get(recipe, "triangle-up")


def distance_said(measured: pl.DataFrame, published: pl.DataFrame) -> str:
    """What the plot shows: `On tnews the best run is 2.31 points below the best published score`.

    Args:
        measured: long form.
        published: long form.
    """
    if measured.is_empty():
        return "Published scores of every task; nothing is measured here yet"
    here, papers = (frame.group_by("task").agg(pl.col("value").max()) for frame in (measured, published))
    both = here.join(papers, on="task", suffix="_published").with_columns(
        points=100 * (pl.col("value") - pl.col("value_published"))
    )
    points = both.filter(pl.col("points").is_finite())
    if points.is_empty():
        return "Scores measured here; no paper is known to report these tasks"
    below = points.filter(pl.col("points") < 0)["points"].abs()
    if points.height == 1:
        task, gap = points.row(0, named=True)["task"], points["points"][0]
        side = "below" if gap < 0 else "above"
        return f"On {task} the best run is {abs(gap):.2f} points {side} the best published score"
    if below.is_empty():
        return f"The best runs reach the best published score on all {points.height} tasks"
    by = " to ".join(dict.fromkeys(f"{as_number(end):.2f}" for end in (below.min(), below.max())))
    return f"The best runs are below the best published score on {len(below)} of {points.height} tasks, by {by} points"
