"""Figures of the whitening pages: scores, curves over dimensions, spectra, cosines, maps of layers and of sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style
from dashboard.figures.unchecked import Figure
from dashboard.frames.numbers import as_number

SETTINGS = ("none", "whitened", "reduced")
COLORS = {"none": style.NEUTRAL, "whitened": style.MEASURED, "reduced": style.SEQUENCE[1]}
POWERS = {"type": "log", "tickvals": [2**power for power in range(12)]}
"""Logarithmic axis of dimensions with its ticks at powers of two."""
MOST_LABELLED = 13
SIMILAR, DISSIMILAR = style.GOOD, style.BAD


def joined_settings(scores: pl.DataFrame) -> list[str]:
    """The settings that share a cell in `table`: those of rows that have more than one."""
    several = scores.filter(pl.col("setting").n_unique().over("row") > 1)["setting"]
    return [name for name in SETTINGS if name in several]


def table(scores: pl.DataFrame, datasets: Sequence[str]) -> pl.DataFrame:
    """The post's table: a row a pooling (or model), a column a set, `none / whitened / reduced` in percent.

    A row of one setting alone has one number a cell.

    Args:
        scores: row, dataset, setting (of `SETTINGS`), value.
        datasets: columns, in order.
    """
    cells = {(row, dataset, setting): value for row, dataset, setting, value in scores.iter_rows()}
    joined = joined_settings(scores)
    rows = []
    for name in scores["row"].unique(maintain_order=True):
        own = scores.filter(row=name)["setting"].unique(maintain_order=True).to_list()
        texts = []
        for dataset in datasets:
            values = [cells.get((name, dataset, setting)) for setting in (joined if len(own) > 1 else own)]
            found = any(value is not None for value in values)
            texts.append(" / ".join("–" if v is None else f"{100 * v:.2f}" for v in values) if found else "")
        rows.append([name, *texts])
    return pl.DataFrame(rows, schema=dict.fromkeys(("row", *datasets), pl.String), orient="row")


def scores(measured: pl.DataFrame, published: pl.DataFrame) -> go.Figure:
    """Spearman of every set and setting with intervals, published values as diamonds.

    Args:
        measured: dataset, setting, value, low, high.
        published: dataset, setting, value, text (what it is and where it was published).
    """
    names = measured["dataset"].unique(maintain_order=True).to_list()
    place = {name: index for index, name in enumerate(names)}
    present = [setting for setting in SETTINGS if setting in measured["setting"]]
    shift = {setting: 0.25 * (index - (len(present) - 1) / 2) for index, setting in enumerate(present)}

    def across(frame: pl.DataFrame) -> list[float]:
        return [place[name] + shift.get(setting, 0) for name, setting in frame.select("dataset", "setting").iter_rows()]

    figure = Figure()
    for setting in present:
        part = measured.filter(pl.col("setting") == setting)
        spread = {"array": part["high"] - part["value"], "arrayminus": part["value"] - part["low"], "thickness": 1.5}
        figure.add_scatter(
            x=across(part),
            y=part["value"],
            error_y=spread,
            mode="markers",
            marker={"size": 10, "color": COLORS[setting]},
            name=setting,
            text=part["dataset"],
            hovertemplate="%{text}: %{y}<extra>" + setting + "</extra>",
        )
    if published.height:
        figure.add_trace(style.published_marker(across(published), published["value"], published["text"]))
    for border in range(1, len(names)):
        style.reference_line(figure, border - 0.5, "", axis="x", color=style.fade(style.NEUTRAL, 0.4))
    x_axis = {"tickvals": list(place.values()), "ticktext": names, "range": [-0.5, len(names) - 0.5], "showgrid": False}
    return style.percent_axis(style.finish(figure, x="", y="Spearman", height=400, x_axis=x_axis))


def components(curve: pl.DataFrame, *, raw: float, chosen: int) -> go.Figure:
    """Spearman against the number of components, with its interval and the score of the raw vectors."""
    figure = Figure()
    style.band(figure, curve["k"], curve["low"], curve["high"], "95 % interval")
    figure.add_scatter(
        x=curve["k"], y=curve["value"], mode="lines+markers", name="whitened", line={"color": style.MEASURED}
    )
    style.reference_line(figure, chosen, "", axis="x")
    style.reference_line(figure, raw, "raw", side="left")
    return style.percent_axis(style.finish(figure, x="components kept", y="Spearman", legend=False, x_axis=POWERS))


def spectrum(eigenvalues: np.ndarray, *, rank: int, chosen: int) -> go.Figure:
    """Eigenvalues of the covariance, largest first, and how many are kept."""
    number = np.arange(1, len(eigenvalues) + 1)
    figure = Figure()
    for name, part, color in (
        ("kept", number <= chosen, style.MEASURED),
        ("cut", (number > chosen) & (number <= rank), style.NEUTRAL),
    ):
        figure.add_scatter(
            x=number[part], y=eigenvalues[part], mode="markers", name=name, marker={"color": color, "size": 5}
        )
    return style.finish(figure, x="component", y="variance", y_axis=style.log_axis(eigenvalues[:rank]))


def histograms(before: np.ndarray, after: np.ndarray, similar: np.ndarray) -> go.Figure:
    """Cosines of similar and dissimilar pairs, before and after, on one scale."""
    low = min(float(before.min()), float(after.min()))
    edges = np.linspace(np.floor(low * 20) / 20, 1.0, 41)
    bars: list[dict[str, Any]] = []  # all at once: plotly takes three times as long one by one
    for axis, cosines in (("y2", before), ("y", after)):
        for name, chosen, color in (("similar", similar, SIMILAR), ("dissimilar", ~similar, DISSIMILAR)):
            shares, _ = np.histogram(cosines[chosen], edges)
            bars.append(
                {
                    "type": "bar",
                    "x": (edges[1:] + edges[:-1]) / 2,
                    "y": shares / max(1, chosen.sum()),
                    "yaxis": axis,
                    "width": np.diff(edges),
                    "name": name,
                    "marker": {"color": color, "opacity": 0.55},
                    "showlegend": axis == "y2",
                }
            )
    titles = [
        {"text": text, "x": 0.5, "y": y, "xref": "paper", "yref": "paper", "yanchor": "bottom", "showarrow": False}
        for text, y in (("raw", 1.0), ("whitened", 0.44))
    ]
    upper = {"title": {"text": "share of pairs"}, "domain": [0.56, 1.0]}
    layout = {"barmode": "overlay", "bargap": 0, "annotations": titles, "yaxis": {"domain": [0, 0.44]}, "yaxis2": upper}
    figure = style.finish(Figure(bars, layout), x="cosine", y="share of pairs", height=420)
    figure.update_yaxes(tickformat=".0%")
    return figure.update_layout(margin={"t": 56}, legend={"y": 1.08})


def plane(points: np.ndarray, pairs: pl.DataFrame, similar: np.ndarray) -> go.Figure:
    """Sentences on a plane, the two of a pair joined: points (2, m, 2), first and second sentences."""
    first, second = pairs["sentence1"].to_list(), pairs["sentence2"].to_list()
    lines = []
    for name, chosen, color in (("similar", similar, SIMILAR), ("dissimilar", ~similar, DISSIMILAR)):
        rows = np.flatnonzero(chosen).tolist()
        x, y = (_broken(points[:, rows, axis]) for axis in (0, 1))
        lines.append(
            {
                "x": x,
                "y": y,
                "mode": "lines+markers",
                "line": {"color": style.fade(color, 0.35), "width": 1},
                "marker": {"color": color, "size": 5},
                "text": [text for row in rows for text in (first[row], second[row], "")],
                "name": f"{name} pairs",
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return style.finish(Figure(lines), x="component 1", y="component 2", height=460)


def _broken(values: np.ndarray) -> np.ndarray:
    """(2, m) -> first, second, gap, first, second, gap, ...: one line a pair."""
    return np.pad(values.T, ((0, 0), (0, 1)), constant_values=np.nan).ravel()


def layer_pairs(frame: pl.DataFrame, *, whitening: str) -> go.Figure:
    """Spearman of the average of every two hidden states: first, second, value."""
    part = frame.filter(pl.col("whitening") == whitening)
    size = int(as_number(part["second"].max())) + 1
    grid = np.full((size, size), np.nan)
    for first, second, value in part.select("first", "second", "value").iter_rows():
        grid[first, second] = grid[second, first] = value
    names = [str(number) for number in range(size)]
    best = np.nanmax(grid)
    words = [[f"{'★ ' if value == best else ''}{100 * value:.1f}" for value in line] for line in grid]
    heat: dict[str, Any] = {
        "z": grid,
        "x": names,
        "y": names,
        "colorscale": style.HEAT,
        "showscale": size > MOST_LABELLED,
    }
    figure = Figure().add_heatmap(
        **heat,
        colorbar={"tickformat": ".0%", "outlinewidth": 0},
        text=words if size <= MOST_LABELLED else None,
        textfont={"color": style.INK},
        texttemplate="%{text}" if size <= MOST_LABELLED else None,
        hovertemplate="hidden states %{y} and %{x}: %{z:.2%}<extra></extra>",
    )
    axis = {"type": "category", "showgrid": False}
    title = "hidden state (0: embeddings)"
    height = max(360, 140 + 36 * size)
    return style.finish(figure, x=title, y=title, height=height, x_axis=axis, y_axis=axis)


def retrieval(frame: pl.DataFrame, *, metric: str, title: str) -> go.Figure:
    """One measure of the search against the dimension, a line for each kind of vectors and search."""
    figure = Figure()
    colors: Mapping[str, str] = {"raw": style.NEUTRAL, "whitened": style.MEASURED, "rotated": style.SEQUENCE[1]}
    part = frame.filter(pl.col("metric") == metric).sort("n_components")
    for (kind, backend), lines in part.group_by("vectors", "backend", maintain_order=True):
        figure.add_scatter(
            x=lines["n_components"],
            y=lines["value"],
            error_y={
                "array": (lines["high"] - lines["value"]).fill_null(0),
                "arrayminus": (lines["value"] - lines["low"]).fill_null(0),
                "thickness": 1.2,
            },
            mode="markers" if kind == "raw" else "lines+markers",
            name=f"{kind}, {backend}",
            marker={"size": 11 if kind == "raw" else 7, "symbol": "square" if kind == "raw" else "circle"},
            line={"color": colors.get(str(kind)), "dash": "solid" if backend == "blocked" else "dot"},
        )
    return style.finish(figure, x="dimensions", y=title, x_axis=POWERS)
