"""Figures of the whitening pages: scores, curves over dimensions, spectra, cosines, maps of layers and of sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures import style

SETTINGS = ("none", "whitened", "reduced")
COLORS = {"none": style.NEUTRAL, "whitened": style.MEASURED, "reduced": style.SEQUENCE[1]}
PALE = ((0.0, "rgba(59,125,216,0.04)"), (1.0, "rgba(59,125,216,0.35)"))
"""Heat map scale on which both dark and light text can be read."""
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
    figure = go.Figure()
    for setting in SETTINGS:
        part = measured.filter(pl.col("setting") == setting)
        if part.height:
            figure.add_trace(
                go.Scatter(
                    x=[part["dataset"].to_list(), [setting] * part.height],
                    y=part["value"],
                    error_y={
                        "array": part["high"] - part["value"],
                        "arrayminus": part["value"] - part["low"],
                        "thickness": 1.5,
                    },
                    mode="markers",
                    marker={"size": 10, "color": COLORS[setting]},
                    name=setting,
                    hovertemplate="%{x}: %{y}<extra>" + setting + "</extra>",
                )
            )
    if published.height:
        x = [published["dataset"].to_list(), published["setting"].to_list()]
        figure.add_trace(style.published_marker(x, published["value"], published["text"]))
    order = [[d, s] for d in measured["dataset"].unique(maintain_order=True) for s in SETTINGS]
    figure.update_xaxes(categoryorder="array", categoryarray=order)
    return style.percent_axis(style.finish(figure, x="", y="Spearman", height=420))


def components(curve: pl.DataFrame, *, raw: float, chosen: int) -> go.Figure:
    """Spearman against the number of components, with its interval and the score of the raw vectors."""
    figure = go.Figure()
    style.band(figure, curve["k"], curve["low"], curve["high"], "95 % interval")
    figure.add_trace(
        go.Scatter(
            x=curve["k"], y=curve["value"], mode="lines+markers", name="whitened", line={"color": style.MEASURED}
        )
    )
    figure.add_vline(chosen, line={"dash": "dot", "color": style.NEUTRAL, "width": 1.5})
    style.reference_line(figure, raw, "raw")
    figure.update_xaxes(type="log", tickvals=[2**power for power in range(12)])
    return style.percent_axis(style.finish(figure, x="components kept", y="Spearman", legend=False))


def spectrum(eigenvalues: np.ndarray, *, rank: int, chosen: int) -> go.Figure:
    """Eigenvalues of the covariance, largest first, and how many are kept."""
    number = np.arange(1, len(eigenvalues) + 1)
    figure = go.Figure()
    for name, part, color in (
        ("kept", number <= chosen, style.MEASURED),
        ("cut", (number > chosen) & (number <= rank), style.NEUTRAL),
    ):
        figure.add_trace(
            go.Scatter(
                x=number[part], y=eigenvalues[part], mode="markers", name=name, marker={"color": color, "size": 5}
            )
        )
    figure.update_yaxes(type="log", exponentformat="power")
    return style.finish(figure, x="component", y="variance")


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
    figure = style.finish(go.Figure(bars, layout), x="cosine", y="share of pairs", height=420)
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
    return style.finish(go.Figure(lines), x="component 1", y="component 2", height=460)


def _broken(values: np.ndarray) -> np.ndarray:
    """(2, m) -> first, second, gap, first, second, gap, ...: one line a pair."""
    return np.pad(values.T, ((0, 0), (0, 1)), constant_values=np.nan).ravel()


def layer_pairs(frame: pl.DataFrame, *, whitening: str) -> go.Figure:
    """Spearman of the average of every two hidden states: first, second, value."""
    part = frame.filter(pl.col("whitening") == whitening)
    size = int(part["second"].max()) + 1  # type: ignore[arg-type]
    grid = np.full((size, size), np.nan)
    for first, second, value in part.select("first", "second", "value").iter_rows():
        grid[first, second] = grid[second, first] = value
    names = [str(number) for number in range(size)]
    figure = go.Figure(
        go.Heatmap(
            z=grid,
            x=names,
            y=names,
            colorscale=PALE,
            colorbar={"tickformat": ".0%"},
            hovertemplate="hidden states %{y} and %{x}: %{z:.2%}<extra></extra>",
        )
    )
    if size <= MOST_LABELLED:  # a trace of its own: its text takes the theme's colour
        best = np.nanmax(grid)
        figure.add_trace(
            go.Scatter(
                x=names * size,
                y=[name for name in names for _ in names],
                text=[f"{'★ ' if value == best else ''}{100 * value:.1f}" for value in grid.ravel()],
                mode="text",
                hoverinfo="skip",
                showlegend=False,
            )
        )
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False)
    title = "hidden state (0: embeddings)"
    return style.finish(figure, x=title, y=title, height=max(360, 140 + 36 * size))


def retrieval(frame: pl.DataFrame, *, metric: str, title: str) -> go.Figure:
    """One measure of the search against the dimension, a line for each kind of vectors and search."""
    figure = go.Figure()
    colors: Mapping[str, str] = {"raw": style.NEUTRAL, "whitened": style.MEASURED, "rotated": style.SEQUENCE[1]}
    part = frame.filter(pl.col("metric") == metric).sort("n_components")
    for (kind, backend), lines in part.group_by("vectors", "backend", maintain_order=True):
        figure.add_trace(
            go.Scatter(
                x=lines["n_components"],
                y=lines["value"],
                mode="markers" if kind == "raw" else "lines+markers",
                name=f"{kind}, {backend}",
                marker={"size": 11 if kind == "raw" else 7, "symbol": "square" if kind == "raw" else "circle"},
                line={"color": colors.get(str(kind)), "dash": "solid" if backend == "blocked" else "dot"},
            )
        )
    figure.update_xaxes(type="log", tickvals=[2**power for power in range(12)])
    return style.finish(figure, x="dimensions", y=title)
