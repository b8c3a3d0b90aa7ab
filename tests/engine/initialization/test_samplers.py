"""Random weight matrices of a given entry variance, in numpy (`engine.initialization.modules` has the torch ones)."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.initialization.rules import fan_variance
from engine.initialization.samplers import LAWS, TRUNCATED_VARIANCE, sample_standard, sample_weights

ORACLES = Path(__file__).parents[2] / "oracles"


ORACLE = json.loads((ORACLES / "init_averages.json").read_text())


@pytest.mark.parametrize("law", LAWS)
def test_every_law_has_the_variance_of_the_rule(law):
    rng = np.random.default_rng(0)
    for rule in ("geometric", "fan_in"):
        weights = sample_weights(rng, 200, 500, rule=rule, law=law)
        assert weights.dtype == np.float32
        assert weights.var(dtype=np.float64) == pytest.approx(fan_variance(200, 500, rule=rule), rel=0.02)
        assert abs(weights.mean()) < 5 * weights.std() / math.sqrt(weights.size)


def test_truncation_constant_and_bounds():
    assert pytest.approx(ORACLE["constants"]["truncnormal2_variance_gamma"], rel=1e-12) == TRUNCATED_VARIANCE
    cut = np.abs(sample_standard(np.random.default_rng(0), 300, 300, law="truncated")).max()
    assert cut == pytest.approx(2 / math.sqrt(TRUNCATED_VARIANCE), rel=0.01)
