"""One colour for each configuration, the same on every page; seeds of a configuration share it."""

import polars as pl

from dashboard.figures import style

_HUES = tuple(color for color in style.SEQUENCE if color not in (style.NEUTRAL, style.PUBLISHED))
PALETTE = (*_HUES, "#718a2c", "#b0562f", "#8f74c4", "#9c6b4f", "#c04fbf", "#5c7fa3")
"""So many neighbouring configurations have a colour of their own; each has a contrast of 3:1 on light and dark."""


def colors(runs: pl.DataFrame) -> dict[str, str]:
    """Config hash -> colour, in the order in which the configurations first ran: new runs change no older colour.

    Args:
        runs: run_id (which begins with the time of its start) and config_hash of every run in the store.
    """
    first = runs.group_by("config_hash").agg(pl.col("run_id").min()).sort("run_id")
    return {text: PALETTE[n % len(PALETTE)] for n, text in enumerate(first["config_hash"])}
