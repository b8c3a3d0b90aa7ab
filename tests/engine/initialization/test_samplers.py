"""Random weight matrices of a given entry variance, in numpy (`engine.initialization.modules` has the torch ones)."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.initialization.samplers import LAWS, TRUNCATED_VARIANCE, sample_standard

ORACLES = Path(__file__).parents[2] / "oracles"


ORACLE = json.loads((ORACLES / "init_averages.json").read_text())


@pytest.mark.parametrize("law", LAWS)
def test_every_law_has_mean_zero_and_variance_one(law):
    entries = sample_standard(np.random.default_rng(0), 200, 500, law=law)
    assert entries.dtype == np.float32
    assert entries.var(dtype=np.float64) == pytest.approx(1, rel=0.02)
    assert abs(entries.mean()) < 5 * entries.std() / math.sqrt(entries.size)


def test_truncation_constant_and_bounds():
    assert pytest.approx(ORACLE["constants"]["truncnormal2_variance_gamma"], rel=1e-12) == TRUNCATED_VARIANCE
    cut = np.abs(sample_standard(np.random.default_rng(0), 300, 300, law="truncated")).max()
    assert cut == pytest.approx(2 / math.sqrt(TRUNCATED_VARIANCE), rel=0.01)
