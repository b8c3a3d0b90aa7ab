"""Measured configurations against published figures, as the Leaderboard shows them."""

import polars as pl
import pytest

from dashboard.frames.comparison.reproductions import reproduced_cells, reproductions
from engine.text.tasks import OFFICIAL_DEV

MEASURED = pl.DataFrame({"row": ["tiny"], "task": ["c3"], "config_hash": ["h"]})
SCORES = pl.DataFrame({"run_id": ["1", "2", "3", "4"], "value": [0.10, 0.6051, 0.6061, 0.6041]})


def runs(fingerprint):
    return pl.DataFrame(
        {
            "run_id": ["1", "2", "3", "4"],
            "config_hash": ["h"] * 4,
            "seed": [0, 0, 1, 2],  # seed 0 ran twice
            "dev_fingerprint": [fingerprint] * 4,
        }
    )


@pytest.mark.parametrize(
    ("fingerprint", "figure", "said"),
    [
        (OFFICIAL_DEV["c3"], 0.6054, "Reproduced: within 0.5 points"),
        (OFFICIAL_DEV["c3"], 0.6500, "Below the published figure by more than 0.5 points"),
        ("other", 0.6054, "Not compared: the runs were scored on data that are not the official split"),
    ],
)
def test_a_configuration_is_held_against_the_figure_of_its_task(fingerprint, figure, said):
    found = reproductions(MEASURED, runs(fingerprint), SCORES, {"c3": figure}, {"c3": 3816})
    assert found["Against the figure"][0].startswith(said)


def test_a_task_without_a_figure_or_without_a_known_split_says_so():
    assert reproductions(MEASURED, runs("x"), SCORES, {}, {}).is_empty()
    tnews = MEASURED.with_columns(task=pl.lit("tnews"))
    found = reproductions(tnews, runs("x"), SCORES, {"tnews": 0.57}, {"tnews": 10_000})
    assert "no fingerprint of it is" in found["Against the figure"][0]


@pytest.mark.parametrize(
    ("paper", "figure", "fingerprint", "marked"),
    [
        ("BERT-base", 0.6054, OFFICIAL_DEV["c3"], True),
        ("BERT-base", 0.6500, OFFICIAL_DEV["c3"], False),
        ("BERT-large", 0.6054, OFFICIAL_DEV["c3"], False),
        ("BERT-base", 0.6054, "other", False),
    ],
)
def test_a_cell_is_marked_where_the_same_model_is_reproduced(paper, figure, fingerprint, marked):
    measured = MEASURED.with_columns(model=pl.lit("hub/bert-base"))
    papers = pl.DataFrame({"task": ["c3"], "model": [paper], "value": [figure]})
    found = reproduced_cells(measured, runs(fingerprint), SCORES, papers, {"c3": 3816})
    assert found == ({("tiny", "c3")} if marked else set())
