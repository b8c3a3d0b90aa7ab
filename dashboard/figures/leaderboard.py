"""Tables and figures of the leaderboard: rows are models, columns are tasks, measured and published stay apart.

All functions take the long form: `row` (the model in the table), `task`, `value` (a fraction), `sd`, `n` (seeds).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style

LONG_SCHEMA = {
    "row": pl.String,
    "task": pl.String,
    "value": pl.Float64,
    "sd": pl.Float64,
    "n": pl.Int64,
}
BEST_PUBLISHED = "best published"


def score_text(value: float | None, sd: float | None = None, n: int | None = None) -> str:
    """`73.61 ± 0.31 (3)` of mean, standard deviation and seeds; `73.61` of a single value, "" of none."""
    if value is None:
        return ""
    if n is None or n < 2 or sd is None:
        return f"{100 * value:.2f}"
    return f"{100 * value:.2f} ± {100 * sd:.2f} ({n})"


def gap_text(value: float | None, reference: float | None) -> str:
    """`+0.42` points of `value` over `reference`, "" where either is missing."""
    if value is None or reference is None:
        return ""
    return f"{100 * (value - reference):+.2f}"


def grid(long: pl.DataFrame, tasks: Sequence[str], *, reference: Mapping[str, float] | None = None) -> pl.DataFrame:
    """One row a model and one column a task, as text; rows by their mean over the tasks they have, best first.

    Models with less than half as many tasks as the fullest row stand at the end: their means are no match.

    Args:
        long: see the module.
        tasks: columns, in order; tasks without any value stay as empty columns.
        reference: task -> value: the cells show the gap to it instead of the score.
    """
    rows = []
    for name, part in long.group_by("row", maintain_order=True):
        cells = {cell["task"]: cell for cell in part.iter_rows(named=True)}
        values = [cells[task]["value"] for task in tasks if task in cells]
        texts = {task: _cell(cells.get(task), reference, task) for task in tasks}
        rows.append((len(values), sum(values) / max(len(values), 1), {"row": str(name[0]), **texts}))
    most = max((count for count, _, _ in rows), default=0)
    rows.sort(key=lambda item: (2 * item[0] < most, -item[1], item[2]["row"]))
    schema = {"row": pl.String, **dict.fromkeys(tasks, pl.String)}
    return pl.DataFrame([row for _, _, row in rows], schema=schema)


def by_task(
    measured: pl.DataFrame,
    levels: pl.DataFrame,
    tasks: Sequence[str],
    *,
    published: Mapping[str, float] | None = None,
    reference: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """One row a task and one column a model, best first; then the baselines and the best published score.

    Args:
        measured: see the module.
        levels: the baselines in the same form.
        tasks: rows, in order.
        published: task -> the best published value.
        reference: as in `grid`.
    """
    columns = {"task": list(tasks)}
    for part in (measured, levels):
        columns |= {
            row["row"]: [row[task] for task in tasks] for row in grid(part, tasks, reference=reference).to_dicts()
        }
    if published:
        found = [None if task not in published else {"value": published[task], "sd": None, "n": 1} for task in tasks]
        columns[BEST_PUBLISHED] = [_cell(cell, reference, task) for cell, task in zip(found, tasks, strict=True)]
    return pl.DataFrame(columns)


def marks(variants: Sequence[str]) -> dict[str, str]:
    """Variant -> `[1]`, `[2]`, ... in the order in which they come; nothing for an empty one."""
    named = [variant for variant in dict.fromkeys(variants) if variant]
    return {variant: f"[{number}]" for number, variant in enumerate(named, 1)}


def _cell(cell: Mapping[str, Any] | None, reference: Mapping[str, float] | None, task: str) -> str:
    if cell is None:
        return ""
    if reference is None:
        return score_text(cell["value"], cell["sd"], cell["n"])
    return gap_text(cell["value"], reference.get(task))


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
    figure = go.Figure()
    for name, values in (baselines or {}).items():
        shown = [task for task in tasks if task in values]
        symbol = "line-ew-open" if name == "majority" else "x-thin-open"
        figure.add_trace(
            go.Scatter(
                x=shown,
                y=[values[task] for task in shown],
                name=name,
                mode="markers",
                marker={"symbol": symbol, "size": 14, "color": style.NEUTRAL, "line": {"width": 2}},
                hovertemplate="%{y:.2%}<extra>" + name + "</extra>",
            )
        )
    if not published.is_empty():
        points = style.published_marker(published["task"], published["value"], published["row"])
        figure.add_trace(points.update(marker={"size": 8, "line": {"width": 1}}, opacity=0.7))
    models = sorted(
        {name.partition(" · ")[0] for name in measured["row"]}, key=lambda m: (m not in style.METHOD_COLORS, m)
    )
    colors = dict(zip(models, style.run_colors(models), strict=True))
    for (name,), part in measured.group_by("row", maintain_order=True):
        model, _, recipe = str(name).partition(" · ")
        figure.add_trace(
            go.Scatter(
                x=part["task"],
                y=part["value"],
                error_y={"type": "data", "array": part["sd"].fill_null(0.0), "thickness": 1.5},
                name=str(name),
                mode="markers",
                marker={"size": 10, "color": colors[model], "symbol": _symbol(recipe)},
                hovertemplate="%{y:.2%}<extra>" + str(name) + "</extra>",
            )
        )
    style.finish(figure, x="task", y="score", height=height, legend=True)
    figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=list(tasks), range=[-0.5, len(tasks) - 0.5]
    )
    return style.percent_axis(figure)


def _symbol(recipe: str) -> str:
    return {"": "circle", "modern": "circle", "blog": "square"}.get(recipe, "triangle-up")
