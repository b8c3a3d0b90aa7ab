"""The table of families: each path once."""

import pytest

from jobs.benchmarks import families


@pytest.mark.parametrize(("name", "path"), [("electra", "packed"), ("megatron-bert", "transformers")])
def test_a_family_has_the_states_of_transformers(name, path, tmp_path, monkeypatch):
    monkeypatch.setattr(families, "ROWS", 4)
    found, difference, rate = families.measure(name, families.FAMILIES[name], tmp_path, passes=1)
    assert found == path
    assert difference < 1e-5
    assert rate > 0
