import polars as pl
import pytest

from dashboard.frames.numbers import as_number


def test_an_aggregate_stays_the_number_it_is():
    assert f"{as_number(pl.Series([3, 5]).max()):+d}" == "+5"
    assert as_number(pl.Series([0.5, 0.25]).min()) == 0.25


@pytest.mark.parametrize("values", [pl.Series([], dtype=pl.Float64), pl.Series(["a"])])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(TypeError, match="expected a number, got"):
        as_number(values.max())
