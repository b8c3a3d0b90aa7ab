"""The JL benchmark's rows: every promised comparison is there, with sane numbers."""

import pytest

from jobs.benchmarks import jl


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_suite_yields_every_comparison():
    rows = list(jl.suite(full=False))
    text = " ".join(row["name"] for row in rows)
    for part in ("gaussian projection", "randomized SVD", "SRHT", "all pairs"):
        assert part in text
    assert all(row["value"] > 0 for row in rows)
    errors = [row["ratio"] for row in rows if "error" in row["name"]]
    assert len(errors) == 2
    assert max(errors) < 1.2
