"""Colours of configurations: stable, apart from their neighbours, and visible on both themes."""

import polars as pl

from dashboard.frames.runs import run_colors


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_is_visible_on_light_and_dark():
    assert len(set(run_colors.PALETTE)) == len(run_colors.PALETTE) >= 14
    for color in run_colors.PALETTE:
        assert contrast(color, "#ffffff") >= 3, color
        assert contrast(color, "#12161d") >= 3, color


def test_new_runs_change_no_colour_and_seeds_share_theirs():
    runs = pl.DataFrame({"run_id": ["3", "2", "1"], "config_hash": ["b", "a", "a"]})
    before = run_colors.colors(runs)
    assert before["a"] != before["b"]
    more = pl.DataFrame({"run_id": ["5", "4"], "config_hash": ["c", "b"]})
    after = run_colors.colors(pl.concat([more, runs]))
    assert {name: after[name] for name in before} == before
