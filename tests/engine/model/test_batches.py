"""Batches: every row once, no unit split, budgets kept, plans decided by (seed, epoch)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.batches import Sampler, length_batches, make_units, real_share, sorted_batches

lengths_and_groups = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 4)), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(lengths_and_groups, st.integers(20, 400), st.integers(0, 1000), st.booleans())
def test_every_unit_comes_once_and_budgets_hold(groups, budget, seed, by_length):
    lengths = np.concatenate([np.full(rows, length) for length, rows in groups])
    example = np.repeat(np.arange(len(groups)), [rows for _, rows in groups])
    units = make_units(lengths, example, grouped=True)
    assert len(units) == len(groups)
    rng = np.random.default_rng(seed)
    batches = (
        length_batches(units, tokens_per_batch=budget, rng=rng)
        if by_length
        else sorted_batches(units, tokens_per_batch=budget)
    )
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(groups)))
    for batch in batches:
        rows = units.expand(batch)
        assert example[rows].tolist() == np.repeat(batch, units.rows[batch]).tolist()
        assert len(batch) == 1 or len(rows) * lengths[rows].max() <= budget


def test_lengths_of_a_batch_are_similar():
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(8, 4, 5000).astype(int), 5, 128)
    units = make_units(lengths, np.arange(5000), grouped=False)
    grouped = Sampler(units=units, seed=0, tokens_per_batch=1024).epoch(0)
    drawn = Sampler(units=units, seed=0, batch_size=32).epoch(0)
    assert real_share(units, drawn, lengths) < 0.65
    assert real_share(units, grouped, lengths) > 0.92


def test_a_plan_depends_on_seed_and_epoch_only():
    units = make_units(np.arange(1, 200), np.arange(199), grouped=False)
    plan = [batch.tolist() for batch in Sampler(units=units, seed=3, tokens_per_batch=500).epoch(2)]
    assert plan == [batch.tolist() for batch in Sampler(units=units, seed=3, tokens_per_batch=500).epoch(2)]
    assert plan != [batch.tolist() for batch in Sampler(units=units, seed=4, tokens_per_batch=500).epoch(2)]
    assert plan != [batch.tolist() for batch in Sampler(units=units, seed=3, tokens_per_batch=500).epoch(3)]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="at least one row, got none"):
        make_units(np.zeros(0, dtype=int), np.zeros(0, dtype=int), grouped=False)
    with pytest.raises(ValueError, match="must be adjacent"):
        make_units(np.ones(3, dtype=int), np.array([0, 1, 0]), grouped=True)
    units = make_units(np.ones(3, dtype=int), np.arange(3), grouped=False)
    with pytest.raises(ValueError, match="tokens_per_batch must be a whole number, 1 or more, got 0"):
        length_batches(units, tokens_per_batch=0, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="batch_size must be a whole number, 1 or more, got 0"):
        Sampler(units=units, seed=0, batch_size=0).epoch(0)
