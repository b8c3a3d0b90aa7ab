"""The inequalities of the lemma's proof, one function each, so that every step can be drawn."""

import numpy as np
import pytest
from scipy import special

from engine.johnson_lindenstrauss import proof


def test_the_proofs_first_step_bounds_the_tail_and_has_its_best_lambda():
    lam = np.linspace(0, 60, 400)
    curve = proof.chernoff_exponent(lam, n=200, eps=0.4)
    best = proof.best_lambda(n=200, eps=0.4)
    assert lam[curve.argmin()] == pytest.approx(best, abs=0.2)
    upper = np.log(special.gammaincc(100, 100 * 1.4))
    assert upper < proof.chernoff_exponent(best, n=200, eps=0.4)
    gaps = proof.elementary_gap(np.linspace(0, 0.99, 50))
    true, post = gaps["ln(1+ε) − ε (upper tail)"], gaps["−ε²/4 (the post)"]
    assert (true <= post).all()
