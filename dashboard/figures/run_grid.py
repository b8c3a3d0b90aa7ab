"""A grid of small charts: one a metric, with the curves of all runs that are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import runs as run_figures
from dashboard.figures import style, tables, words
from dashboard.figures.many_curves import ManyCurves, packed
from dashboard.frames import name_order

HEIGHT = 230
BUCKETS = 160
"""Points of a curve: a chart is about 400 pixels wide."""


@cache
def _layout() -> dict[str, Any]:
    """What every chart has alike, made once, and not before a chart is drawn: figures need all of pandas loaded."""
    figure = style.finish(go.Figure(), x="", y="", height=HEIGHT, legend=False)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 30, "b": 4}, hovermode="closest", hoverlabel={"namelength": -1})
    figure.update_xaxes(nticks=6).update_yaxes(nticks=6)
    return dict(figure.to_dict()["layout"])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of every chart: a run, or the mean of several with their range as a band."""

    name: str
    color: str
    run_ids: tuple[str, ...]


def ordered(names: Sequence[str]) -> list[str]:
    """Metrics in the order in which they are looked at: the main dev score, losses, other scores, rates and times.

    What was watched of the machine (`system/…`) is left to the page of the run.
    """
    main = next((name for name in tables.MAIN if name in names), "")

    def rank(name: str) -> int:
        split, _, metric = name.partition("/")
        if name == main:
            return 0
        if not metric:
            return 2 if name == "loss" else 6
        if metric == "loss":
            return 1 if split == "dev" else 2
        return {"dev": 3, "test": 4, "train": 5}.get(split, 6)

    return sorted(
        (name for name in names if not name.startswith("system/")), key=lambda name: (rank(name), name_order.key(name))
    )


def chart(
    frame: pl.DataFrame,
    lines: Sequence[Line],
    *,
    metric: str,
    x: str = "step",
    smoothing: float = 0.0,
    log_y: bool = False,
) -> go.Figure:
    """Curves of one metric.

    Args:
        frame: run_id, x, value of this metric, one row a bucket.
        lines: what is drawn, from below to the top.
        metric: stored name, the chart's title.
        x: step, epoch or time.
        smoothing: weight of the moving average of each run.
        log_y: logarithmic y axis.
    """
    found = run_figures.cut(run_figures.smooth(frame.sort("run_id", "x"), smoothing), ["run_id"])
    curves = {str(run_id): curve for (run_id,), curve in found.items()}
    traces: list[dict[str, object]] = []
    for line in lines:
        if parts := [curves[run_id] for run_id in line.run_ids if run_id in curves]:
            traces += _traces(parts, line)
    layout = _layout()
    x_axis = layout["xaxis"] | {"title": {"text": run_figures.X_TITLES.get(x, x), "font": {"size": 11}}}
    y_axis = dict(layout["yaxis"])
    drawn, fraction = [values for _, values in curves.values()], words.is_fraction(metric)
    y_axis |= style.log_axis(*drawn) if log_y else style.flat_axis(*drawn, fraction=fraction)
    if fraction:
        y_axis |= style.percent_ticks(*drawn)
    said = words.name(metric) if traces else f"{words.name(metric)}: no value is finite"
    title = {"text": said, "font": {"size": 14}, "x": 0, "xref": "paper", "y": 0.98, "yanchor": "top"}
    own = {"title": title, "uirevision": f"{metric}-{x}-{log_y}", "xaxis": x_axis, "yaxis": y_axis}
    return ManyCurves(traces, layout | own)


def _traces(parts: Sequence[run_figures.Curve], line: Line) -> list[dict[str, object]]:
    """The line of a run, or the mean over runs and a band from the lowest to the highest."""
    several = len(parts) > 1
    xs, ys, low, high = run_figures.mean_and_range(parts)
    if not len(xs):
        return []
    whole = (xs == np.round(xs)).all() and abs(xs).max() < 2**31
    xs, ys = xs.astype(np.int32 if whole else np.float32), ys.astype(np.float32)
    drawn: list[dict[str, object]] = []
    if several:
        low, high = low.astype(np.float32), high.astype(np.float32)
        drawn.append(
            {
                "type": "scatter",
                "x": packed(np.concatenate([xs, xs[::-1]])),
                "y": packed(np.concatenate([high, low[::-1]])),
                "fill": "toself",
                "fillcolor": style.fade(line.color, 0.16),
                "line": {"width": 0},
                "mode": "lines",
                "hoverinfo": "skip",
            }
        )
    points: dict[str, Any] = {"mode": "lines"}
    if len(xs) <= 12:
        points = {"mode": "lines+markers", "marker": {"size": 5, "color": line.color}}
    drawn.append(
        {
            "type": "scatter",
            "x": packed(xs),
            "y": packed(ys),
            "name": line.name,
            "line": {"color": line.color, "width": 1.8},
            "hovertemplate": "%{y}<extra>%{fullData.name}</extra>",
            **points,
        }
    )
    return drawn


def lines(runs: pl.DataFrame, names: Mapping[str, str], colors: Mapping[str, str], key: str | None) -> list[Line]:
    """What the charts draw of runs: groups over a column with their seeds as bands, or every run by itself.

    Args:
        runs: run_id, config_hash, seed and the column of the groups; the last row is drawn first.
        names: of the runs.
        colors: of the configurations.
        key: column whose equal values make a group; None draws every run.
    """
    if key is None:
        rows = runs.select("run_id", "config_hash").reverse().iter_rows()
        return [Line(names[run_id], colors[config], (run_id,)) for run_id, config in rows]
    found = []
    needed = runs.select(*dict.fromkeys(("run_id", "config_hash", "seed", key)))
    for number, part in enumerate(needed.partition_by(key, maintain_order=True)):
        first = part["run_id"][0]
        color = colors[part["config_hash"][0]] if key == "config_hash" else style.SEQUENCE[number % 10]
        name = group_name(names[first], part) if key == "config_hash" else words.setting_of(part[key][0])
        found.append(Line(name, color, tuple(part["run_id"])))
    return found[::-1]


def group_name(name: str, part: pl.DataFrame) -> str:
    """Name of a configuration: that of its first run with all seeds, `tnews · ngram · seeds 1 2 3`."""
    seeds = [str(seed) for seed in sorted(set(part["seed"].drop_nulls()))]
    if part.height == 1:
        return name
    base = name.removesuffix(f" · {part['run_id'][0][-4:]}").removesuffix(f" · s{part['seed'][0]}")
    listed = " ".join(seeds) if len(seeds) <= 6 else f"{seeds[0]} to {seeds[-1]}"
    return words.together((base, f"seeds {listed}" if seeds else words.count(part.height, "run")))
