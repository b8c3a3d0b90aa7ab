"""What the lemma's bounds estimate, measured: the smallest number of dimensions at which enough projections succeed."""

import numpy as np
import pytest

from engine.johnson_lindenstrauss.measured_dimension import measure_dimension
from engine.johnson_lindenstrauss.norm_tails import norm_tail


def test_measured_dimension_lies_below_the_exact_union_bound():
    found = measure_dimension(np.eye(40), eps=0.5, start=64, rng=np.random.default_rng(0), trials=5, precision=0.1)
    union = 780 * norm_tail(np.arange(1, 400), eps=0.5)
    assert 30 < found.n_components <= int(np.argmax(union < 0.5)) + 30
    with pytest.raises(ValueError, match="eps must lie"):
        measure_dimension(np.eye(4), eps=1.5, start=2, rng=np.random.default_rng(0))
