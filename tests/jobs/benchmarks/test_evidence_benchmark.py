"""The simulation behind docs/EVIDENCE.md: it draws what it says, and a few of its cells are covered."""

import numpy as np
import pytest

from engine.evidence.joint import compare_counts, compare_means
from engine.evidence.paired import macro_f1_of_counts
from jobs.benchmarks import evidence, macro_f1
from jobs.benchmarks.evidence import Cell


def test_the_simulated_sums_are_those_of_answers_drawn_row_by_row():
    """Means and variances of the difference and of its squares, against rows drawn one by one."""
    rng, cell = np.random.default_rng(0), Cell(3, 60, 0.02, 0.3, "hard")
    drawn = evidence.simulate(rng, cell, difference=0.01, repeats=4000)
    assert (drawn.counts.sum(axis=1) == 60).all()
    sums = drawn.counts @ np.arange(-3, 4)
    assert sums == pytest.approx(60 * drawn.means.sum(axis=1))
    means, squares = [], []
    for _ in range(4000):
        lean = rng.choice([0, 1, -1], 60, p=[0.4, 0.3, 0.3])[:, None]
        plus = np.select([lean == 1, lean == -1], [0.45, 0.05], 0.0)
        shift = 0.01 + 0.02 * rng.standard_normal(3)
        gain = (1 - abs(shift)) * plus + np.maximum(shift, 0)
        loss = (1 - abs(shift)) * np.where(lean == 0, 0.0, 0.5 - plus) + np.maximum(-shift, 0)
        chance = rng.random((60, 3))
        rows = (chance < gain).astype(int) - ((chance >= gain) & (chance < gain + loss))
        means.append(rows.mean())
        squares.append((rows**2).sum())
    assert drawn.means.mean() == pytest.approx(np.mean(means), abs=0.004)
    assert drawn.means.mean(axis=1).std() == pytest.approx(np.std(means), rel=0.08)
    assert drawn.squares.mean() == pytest.approx(np.mean(squares), rel=0.02)


def test_a_simulated_pair_has_the_interval_that_compare_shows():
    """The sums of right and wrong answers lead to the same half-width as the answers themselves."""
    rng, n = np.random.default_rng(1), 80
    gap = rng.choice([-1, 0, 0, 0, 1], (n, 3))
    counts = np.bincount(gap.sum(axis=1) + 3, minlength=7)[None]
    sample = evidence.Sample(counts, gap.mean(axis=0)[None], np.array([(gap**2).sum()]), np.zeros((1, 3)))
    found = compare_means((gap < 0).astype(float), (gap > 0).astype(float), paired=True)
    halves = evidence.half_widths(sample, Cell(3, n, 0.0, 0.4, "easy"))
    expected = [50 * (interval.high - interval.low) for interval in (found.weights, found.again)]
    assert halves == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "cell",
    [
        Cell(1, 50, 0.0, 0.02, "hard"),
        Cell(2, 50, 0.02, 0.1, "easy"),
        Cell(3, 50, 0.0, 0.02, "hard"),
        Cell(3, 5000, 0.01, 0.1, "hard"),
        Cell(5, 200, 0.02, 0.3, "easy"),
    ],
)
def test_some_cells_are_covered_and_keep_their_level(cell):
    found = evidence.measure(cell, repeats=2000, seed=3)
    scope = "weights" if cell.seeds < 3 else "again"
    assert found[f"{scope}_coverage"] >= 0.935
    assert found[f"{scope}_level"] <= 0.065


def test_a_two_way_bootstrap_of_three_seeds_does_not_cover():
    assert (
        evidence.measure(Cell(3, 5000, 0.02, 0.02, "easy"), repeats=1000, seed=0)["two_way_bootstrap_coverage"] < 0.85
    )


def test_the_document_shows_every_cell():
    evidence.measured.clear()
    for cell in evidence.cells():
        evidence.measured[cell] = {f"{scope}_{what}": 0.95 for scope in ("weights", "again")
                                   for what in ("coverage", "level", "half")}  # fmt: skip
    text = evidence.document()
    evidence.measured.clear()
    assert text.count("95.0 / 95.0 / 0.9") + text.count("95.0 / 95.0 / 1.0") == len(evidence.cells())


def test_macro_f1_covers_at_few_examples_and_is_not_much_wider_than_what_the_difference_scatters():
    covered, half, spread = macro_f1.measure(macro_f1.Case(15, 50, 0.55, 0.65), repeats=150, seed=3)
    assert covered > 0.90  # 95 % would show less once in 500 times
    assert half < 1.3 * spread


def test_macro_f1_is_judged_by_the_interval_that_compare_shows():
    rng, case = np.random.default_rng(0), macro_f1.CASES[0]
    for true in (-0.1, 0.0, 0.07, 0.3, 0.35):
        a, b = macro_f1.draw(rng, case)
        found = compare_counts([a], [b], macro_f1_of_counts, paired=True).weights
        value, inside = macro_f1.covers(a, b, true)
        assert value == pytest.approx(found.value)
        assert inside == (found.low <= true <= found.high)
