"""Figures of a sweep: its course, and what each parameter does."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words
from dashboard.figures.unchecked import Figure

SYMBOLS = {"complete": "circle", "pruned": "x", "running": "circle-open", "fail": "triangle-down"}
TITLES = {"pruned": "ended early", "fail": "failed"}
FEW = 15
"""trials of which each one has its tick"""


def course(trials: pl.DataFrame, metric: str, *, lower_is_better: bool) -> go.Figure:
    """Scores in the order in which trials were asked for, and the best so far.

    Args:
        trials: number, state, score.
        metric: name of the score.
        lower_is_better: which way is better.
    """
    figure = Figure()
    for state, symbol in SYMBOLS.items():
        rows = trials.filter(pl.col("state") == state, pl.col("score").is_not_null())
        if rows.height:
            marker = {"symbol": symbol, "color": style.MEASURED if state == "complete" else style.NEUTRAL, "size": 8}
            figure.add_scatter(
                x=rows["number"], y=rows["score"], mode="markers", name=TITLES.get(state, state), marker=marker
            )
    done = trials.filter(state="complete").sort("number")
    if done.height > 1:
        best = done["score"].cum_min() if lower_is_better else done["score"].cum_max()
        line = {"shape": "hv", "color": style.GOOD}
        figure.add_scatter(x=done["number"], y=best, mode="lines", name="best so far", line=line)
    fraction = words.is_fraction(metric)
    axis = style.flat_axis(done["score"].drop_nulls(), fraction=fraction) | (style.PERCENT if fraction else {})
    whole = {"tickformat": "d", "dtick": 1} if trials.height <= FEW else {}
    return style.finish(figure, x="trial", y=words.name(metric), x_axis=whole, y_axis=axis)


def course_said(trials: pl.DataFrame, metric: str, *, lower_is_better: bool) -> str:
    """`Best dev accuracy so far: 61.20 % in trial 7; none of the 5 trials since is better`."""
    done = trials.filter(pl.col("state") == "complete", pl.col("score").is_finite()).sort("number")
    if done.is_empty():
        return "No trial is complete yet"
    best = done.sort("score", "number", descending=[not lower_is_better, False]).row(0, named=True)
    since = done.filter(pl.col("number") > best["number"]).height
    said = "score" if metric == "score" else words.name(metric)  # a sweep that was killed early names no metric
    first = f"Best {said} so far: {words.value(metric, best['score'])} in trial {best['number']}"
    return f"{first}; none of the {words.count(since, 'trial')} since is better" if since > 1 else first


def effects(frame: pl.DataFrame) -> go.Figure:
    """Share of each parameter with its interval.

    Args:
        frame: parameter, effect, low, high.
    """
    rows = frame.reverse()
    error = {
        "type": "data",
        "symmetric": False,
        "array": (rows["high"] - rows["effect"]).clip(lower_bound=0),
        "arrayminus": (rows["effect"] - rows["low"]).clip(lower_bound=0),
    }
    names = [words.name(name) for name in rows["parameter"]]
    marker = {"color": style.MEASURED}
    figure = Figure().add_bar(x=rows["effect"], y=names, orientation="h", error_x=error, marker=marker)
    title = "share of what tells good trials from the others"
    return style.finish(figure, x=title, y="", x_axis=style.PERCENT)
