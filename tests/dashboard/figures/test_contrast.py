"""Contrast of words on their ground in both themes: at least 4.5:1 (WCAG 2 AA), signs and lines 3:1."""

import re
import tomllib
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[3] / "dashboard"
THEMES = tomllib.loads((DASHBOARD / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
STYLE = (DASHBOARD / "style.css").read_text(encoding="utf-8")
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")


def rgb(code):
    return [int(code[i : i + 2], 16) for i in (1, 3, 5)]


def mixed(color, ground, share):
    """A colour with an opacity over a ground."""
    return [share * a + (1 - share) * b for a, b in zip(rgb(color), rgb(ground), strict=True)]


def luminance(parts):
    linear = [p / 255 / 12.92 if p <= 10.3 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color, ground):
    light, dark = sorted((luminance(color), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def faded():
    """Shares of the text colour that the stylesheet writes words in: mixed with nothing, or by opacity."""
    mixes = re.findall(r"[{;] ?color: color-mix\(in srgb, currentColor (\d+)%, transparent\)", STYLE)
    opacities = re.findall(r"button \{[^}]*opacity: (0\.\d+)", STYLE)
    return sorted({int(share) / 100 for share in mixes} | {float(share) for share in opacities} - {0.0})


def test_the_stylesheet_fades_some_words():
    assert len(faded()) >= 2


def test_black_on_white_is_the_largest_contrast():
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    assert contrast(rgb("#777777"), [255, 255, 255]) == pytest.approx(4.48, abs=0.01)  # just below AA


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_words_are_readable(theme, ground):
    colors = THEMES[theme]
    for share in (1.0, *faded()):
        assert contrast(mixed(colors["textColor"], colors[ground], share), rgb(colors[ground])) >= 4.5, share


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_links_and_numbers_that_are_dragged_are_readable(theme):
    colors = THEMES[theme]
    assert contrast(rgb(colors["primaryColor"]), rgb(colors["backgroundColor"])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_warnings_are_readable_in_captions_too(theme, ground):
    colors, captions = THEMES[theme], re.search(r"stCaptionContainer\"\] \{ opacity: (0\.\d+)", STYLE)
    for share in (1.0, float(captions[1])):
        assert contrast(mixed(colors["orangeTextColor"], colors[ground], share), rgb(colors[ground])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_signs_of_a_status_are_seen(theme):
    signs = re.findall(r"\.run-icon \{ color: (#[0-9a-f]{6})", STYLE)
    assert len(signs) == 5
    assert all(contrast(rgb(sign), rgb(THEMES[theme]["backgroundColor"])) >= 3 for sign in signs)


@pytest.mark.parametrize(("theme", "place"), [("light", 0), ("dark", 1)])
def test_words_that_have_a_colour_in_each_theme_are_readable(theme, place):
    pairs = re.findall(r"([^{}]+) \{ (?:color|fill): light-dark\((#[0-9a-f]{3,6}), (#[0-9a-f]{3,6})\)", STYLE)
    assert len(pairs) >= 9
    for where, *both in pairs:
        color = both[place] if len(both[place]) == 7 else "#" + 2 * both[place][1:]
        ground = "primaryColor" if "Primary" in where or "primary" in where else "secondaryBackgroundColor"
        assert contrast(rgb(color), rgb(THEMES[theme][ground])) >= 4.5, where


@pytest.mark.parametrize("part", ["comment", "operator", "boolean", "function", "string", "keyword", "number"])
def test_every_part_of_code_has_a_colour_of_the_stylesheet(part):
    rules = re.findall(r'stCode"\] \.token([^{]*) \{ color: light-dark', STYLE)
    assert any(re.search(rf"\.{part}\b", rule) for rule in rules)
