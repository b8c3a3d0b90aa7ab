"""The chapter on the spectrum against depth."""

import numpy as np

from dashboard.figures.labs.isometry import spectrum_by_depth
from tests.dashboard.conftest import spoken


def test_the_figure_shows_the_quantiles_and_a_kept_spectrum():
    gaussian = np.tile(np.linspace(0.1, 2, 50), (3, 2, 1))
    figure = spectrum_by_depth([1, 2], gaussian, np.ones((1, 2, 50)))
    names = [trace.name for trace in figure.data]
    assert names[1:] == ["Gaussian, median and middle 90 %", "Gaussian, largest", "orthogonal, all"]
    assert list(figure.data[3].y) == [1, 1]
    assert list(figure.data[2].y) == [2, 2]


def test_the_chapter_speaks_of_the_depth_that_was_chosen(empty_store, open_page):
    app = open_page("initialization/isometry", empty_store)
    words = spoken(app)
    assert "After 8 layers of width 32" in words
    assert "L + 1 = 9 for wide" in words
