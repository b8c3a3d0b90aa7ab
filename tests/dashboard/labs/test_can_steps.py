"""The words of the first chapter on CAN follow the typed numbers and agree with the engine; the post's table."""

import numpy as np
import polars as pl
import pytest

from dashboard.chapters.can import steps
from dashboard.frames.labs.can_predictions import published
from engine.can.alternation import half_steps


@pytest.mark.parametrize("name", list(steps.EXAMPLES))
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_the_words_name_the_class_that_one_iteration_decides_for(name, alpha):
    rows, prior = (np.array(part) for part in steps.EXAMPLES[name])
    classes = [chr(ord("A") + index) for index in range(len(prior))]
    final = half_steps(rows, prior, alpha=alpha, iterations=1)[-1].matrix[-1]
    words = steps.in_words(rows, prior, classes, alpha=alpha)
    assert words.startswith(f"The confident rows give **{classes[int(final.argmax())]}**")
    assert f"{final.max():.3f}" in words


def test_the_post_s_example_is_told_as_the_post_tells_it():
    rows, prior = (np.array(part) for part in steps.EXAMPLES["Ten questions, no D"])
    words = steps.in_words(rows, prior, list("ABCD"), alpha=1.0)
    assert "The confident rows give **D** 0.12 in all, so the last row's 0.30 is 71%" in words
    assert words.endswith("**D wins** with 0.623.")


def test_the_post_s_gains_in_rows():
    papers = pl.read_csv("store/published.csv").filter(pl.col("experiment") == "can")
    rows = published(papers)
    assert rows["rows"].to_list() == [12, 6, 8, -6]


def test_words_of_several_iterations_begin_with_where_they_end():
    rows, prior = (np.array(part) for part in steps.EXAMPLES["Ten questions, no D"])
    classes, first = list("ABCD"), steps.in_words(rows, prior, list("ABCD"), alpha=1.0)
    end = half_steps(rows, prior, alpha=1.0, iterations=3)[-1].matrix[-1]
    told = steps.of_all(end, classes, 3, first)
    assert told.startswith(f"the last row ends at **D** {end[3]:.3f}. The first iteration: the confident rows give")
    assert steps.of_all(end, classes, 1, first).startswith("the confident rows give")
    assert f"{end[3]:.3f}" not in first
