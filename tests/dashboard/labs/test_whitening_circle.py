"""The chapter on the ellipse that becomes a circle: its steps, and the published gains."""

import numpy as np
import polars as pl
import pytest

from dashboard.figures.labs import whitening_circle as figures
from dashboard.frames.labs.whitening_tables import published_gains
from tests.dashboard.conftest import spoken


def test_the_steps_end_in_a_circle_around_zero():
    rng = np.random.default_rng(0)
    vectors = rng.multivariate_normal([3, 1], [[1, 0.9], [0.9, 1]], size=200)
    first, *_, last = figures.steps(vectors)
    assert first.points == pytest.approx(vectors)
    assert first.mean_cosine > 0.5
    covariance = np.cov(last.points, rowvar=False)
    assert last.points.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert covariance / covariance[0, 0] == pytest.approx(np.eye(2), abs=1e-9)
    radii = np.linalg.norm(last.ellipse, axis=1)
    assert radii == pytest.approx(radii[0])
    assert abs(last.mean_cosine) < 0.02


def test_the_figure_has_a_frame_for_every_step():
    figure = figures.circle(figures.steps(np.random.default_rng(0).standard_normal((20, 2)) + 1)).to_dict()
    assert len(figure["frames"]) == len(figure["layout"]["sliders"][0]["steps"]) == figures.STEPS


def test_published_gains_compare_rows_of_one_model_and_pooling():
    rows = [("A", "bq", "P4 none", 0.4), ("A", "bq", "P4 whitening", 0.3), ("A", "bq", "P4 whitening-256", 0.38)]
    papers = pl.DataFrame(rows, schema=["model", "dataset", "variant", "value"], orient="row")
    papers = papers.with_columns(metric=pl.lit("spearman"), source=pl.lit("https://kexue.fm/archives/8321"))
    assert published_gains(papers).rows() == [("bq", pytest.approx(-10), pytest.approx(-2), "A, first-last-avg")]


def test_too_few_sentences_are_said_aloud(empty_store, open_page):
    words = spoken(open_page("whitening/few", empty_store))
    assert "no more sentences than dimensions says nothing" in words
    assert "no spread at all up to 65 sentences" in words


def test_the_derivation_ends_with_the_streamed_covariance(empty_store, open_page):
    app = open_page("whitening/derivation", empty_store, whitening_derivation_step="4 Streaming")
    assert "The post's recursion is exact" in spoken(app)
    assert len(app.get("plotly_chart")) == 1
