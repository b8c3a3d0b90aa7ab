"""Point clouds on which projections behave differently, and the principal components they compete with."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from engine.johnson_lindenstrauss.point_clouds import CLOUDS, cloud, fit_principal_components


@pytest.mark.parametrize("kind", CLOUDS)
def test_clouds_have_their_shape(kind):
    assert cloud(kind, 40, 64, rng=np.random.default_rng(0)).shape == (40, 64)


def test_one_hot_vectors_are_all_equally_far():
    points = cloud("one_hot", 40, 64, rng=np.random.default_rng(0))
    np.testing.assert_allclose(pdist(points), np.sqrt(2))
    with pytest.raises(ValueError, match="only 64 different one-hot vectors"):
        cloud("one_hot", 65, 64, rng=np.random.default_rng(0))


def test_principal_components_match_sklearn():
    x = np.random.default_rng(0).standard_normal((80, 30)) * np.linspace(3, 0.1, 30)
    ours, theirs = fit_principal_components(x, n_components=5), PCA(5).fit(x)
    assert ours.explained == pytest.approx(theirs.explained_variance_ratio_.sum())
    np.testing.assert_allclose(np.abs(ours.transform(x)), np.abs(theirs.transform(x)), atol=1e-9)
    with pytest.raises(ValueError, match="between 1 and 30"):
        fit_principal_components(x, n_components=31)
    with pytest.raises(ValueError, match="all rows of x are equal"):
        fit_principal_components(np.ones((4, 3)), n_components=1)
