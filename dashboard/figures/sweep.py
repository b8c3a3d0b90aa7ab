"""Figures of a sweep: its course, its trials as parallel coordinates, and what each parameter does."""

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style, words

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
    figure = go.Figure()
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
    figure = style.finish(figure, x="trial", y=words.name(metric), y_axis=axis)
    return figure.update_xaxes(tickformat="d", dtick=1) if trials.height <= FEW else figure


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


def parallel(trials: pl.DataFrame, parameters: tuple[str, ...], metric: str, *, lower_is_better: bool) -> go.Figure:
    """A line a trial, an axis a parameter, coloured by the score.

    Args:
        trials: score, and `p:<parameter>` of every parameter.
        parameters: names, in the order of the axes.
        metric: name of the score.
        lower_is_better: which way is better.
    """
    rows = trials.filter(pl.col("score").is_not_null())
    axes = [_axis(name, rows[f"p:{name}"]) for name in parameters if rows[f"p:{name}"].n_unique() > 1]
    axes.append({"label": words.name(metric), "values": rows["score"].to_list()})
    scale = style.SEQUENTIAL[::-1] if lower_is_better else style.SEQUENTIAL
    colors = [[share if not lower_is_better else 1 - share, color] for share, color in scale]
    line = {"color": rows["score"].to_list(), "colorscale": sorted(colors), "showscale": False}
    figure = go.Figure(go.Parcoords(dimensions=axes, line=line))
    figure.update_layout(margin={"l": 70, "r": 40, "t": 60, "b": 20}, height=380)
    return figure


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
    bar = go.Bar(x=rows["effect"], y=rows["parameter"], orientation="h", error_x=error, marker_color=style.MEASURED)
    return style.finish(go.Figure(bar), x="share of what tells good trials from the others", y="")


def _axis(name: str, values: pl.Series) -> dict[str, object]:
    """A numeric axis (logarithmic where the values span two powers of ten), or one of texts."""
    if not values.dtype.is_numeric():
        texts = sorted(values.drop_nulls().unique().to_list())
        places = [texts.index(value) if value is not None else -1 for value in values]
        return {"label": name, "values": places, "tickvals": list(range(len(texts))), "ticktext": texts}
    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    if low > 0 and high / low >= 100:
        ticks = np.unique(np.geomspace(low, high, 5))
        return {
            "label": name,
            "values": np.log10(numbers).tolist(),
            "tickvals": np.log10(ticks).tolist(),
            "ticktext": [f"{tick:.2g}" for tick in ticks],
        }
    return {"label": name, "values": numbers.tolist()}
