"""The one table of the leaderboard: forms, averages, ranks that the examples support, intervals, reproduction."""

import polars as pl
import pytest

from dashboard.figures import leaderboard, leaderboard_table

TASKS = ["afqmc", "tnews"]
N = {"afqmc": 4316, "tnews": 10_000}


def long(*rows):
    return pl.DataFrame(rows, schema=leaderboard.LONG_SCHEMA, orient="row")


MEASURED = long(("own", "afqmc", 0.80, 0.01, 3), ("own", "tnews", 0.50, None, 1), ("half", "afqmc", 0.6, None, 1))
PAPERS = long(
    ("BERT", "afqmc", 0.801, None, 1), ("BERT", "tnews", 0.502, None, 1),
    ("weak", "afqmc", 0.70, None, 1), ("weak", "tnews", 0.50, None, 1),
)  # fmt: skip


def made(**options):
    parts = {leaderboard_table.MEASURED: MEASURED, leaderboard_table.PUBLISHED: PAPERS}
    return leaderboard_table.one_table(parts, TASKS, examples=N, **options)


def test_measured_rows_come_first_with_their_form_and_the_average_says_of_how_many_tasks():
    table = made()
    assert table.select("form", "row", "average").rows() == [
        ("●", "own", "65.00"),
        ("●", "half", "60.00 (1 of 2)"),
        ("◇", "BERT", "65.15"),
        ("◇", "weak", "60.00"),
    ]
    assert table.row(0)[4:] == ("80.00 ± 1.00 (3)", "50.00")


def test_tasks_of_ones_own_stand_beside_the_average_of_the_benchmark():
    own = pl.concat([MEASURED, long(("own", "mine", 0.1, None, 1), ("other", "mine", 0.9, None, 1))])
    parts = {leaderboard_table.MEASURED: own, leaderboard_table.PUBLISHED: PAPERS}
    table = leaderboard_table.one_table(parts, [*TASKS, "mine"], examples=N, averaged=TASKS)
    assert table.select("row", "average", "rank", "mine").rows() == [
        ("own", "65.00", "1", "10.00"),
        ("half", "60.00 (1 of 2)", "", ""),
        ("other", "", "", "90.00"),
        ("BERT", "65.15", "1", ""),
        ("weak", "60.00", "3", ""),
    ]


def test_averages_that_the_examples_cannot_tell_apart_share_a_rank():
    assert dict(made().select("row", "rank").iter_rows()) == {"own": "1", "half": "", "BERT": "1", "weak": "3"}


def test_ranks_of_many_rows_are_corrected_for_all_pairs():
    """2.1 standard errors apart: shown where two rows stand alone, not among 45 pairs."""
    for equal, expected in ((1, "2"), (9, "1")):
        names = ["top", *(f"row {i}" for i in range(equal))]
        rows = [(name, task, 0.5 + 0.0137 * (name == "top"), None, 1) for name in names for task in TASKS]
        table = leaderboard_table.one_table({leaderboard_table.PUBLISHED: long(*rows)}, TASKS, examples=N)
        assert table["rank"].to_list() == ["1"] + [expected] * equal


def test_ranks_need_the_number_of_examples():
    parts = {leaderboard_table.PUBLISHED: PAPERS}
    table = leaderboard_table.one_table(parts, TASKS, examples={})
    assert table["rank"].to_list() == ["1", "1"]


def test_gaps_marks_and_intervals():
    assert made(reference={"afqmc": 0.7})["afqmc"].to_list() == ["+10.00", "\N{MINUS SIGN}10.00", "+10.10", "+0.00"]
    assert made(reproduced={("own", "afqmc")})["afqmc"][0] == "80.00 ± 1.00 (3) ≈"
    low, high = made(intervals=True)["afqmc"][2].partition("[")[2].rstrip("]").split(", ")
    assert float(low) < 80.1 < float(high)
    assert float(high) - float(low) == pytest.approx(2.4, abs=0.2)  # 2 x 1.96 standard errors of 4,316 examples


def test_names_of_folders_and_papers_are_told_to_be_one_model():
    assert leaderboard_table.same_model("hfl/chinese-roberta-wwm-ext", "RoBERTa-wwm-ext")
    assert not leaderboard_table.same_model("hfl/chinese-roberta-wwm-ext-large", "RoBERTa-wwm-ext")


def test_intervals_are_over_seeds_where_there_are_three_else_over_examples_where_those_are_known():
    over_seeds = {"value": 0.5, "n": 3, "low": 0.4, "high": 0.6}
    one = {"value": 0.5, "n": 1, "low": 0.1, "high": 0.9}
    told = leaderboard_table.interval_texts([over_seeds, one, one], [100, 100, 0])
    assert told == ["50.00 [40.0, 60.0]", "50.00 [40.4, 59.6]", "50.00"]  # Wilson of 50 in 100
    assert leaderboard_table.interval_texts([], []) == []
