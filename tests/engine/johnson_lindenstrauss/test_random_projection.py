"""Laws of the random maps, the Hadamard transform, distortion over all pairs, point clouds and principal components."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from engine.johnson_lindenstrauss.distortion import distortion
from engine.johnson_lindenstrauss.point_clouds import cloud, fit_principal_components
from engine.johnson_lindenstrauss.random_projection import (
    KINDS,
    choose_kind,
    draw,
    haar_matrix,
    project,
    sparse_matrix,
    variance_factor,
)


@pytest.mark.parametrize("kind", KINDS)
def test_variance_of_squared_lengths_follows_the_law(kind):
    n_features, n_components, draws = 64, 16, 3000
    rng = np.random.default_rng(3)
    x = np.zeros((1, n_features))
    x[0, :2] = np.sqrt(0.5)  # q = 1/2, as for a difference of one-hot vectors
    lengths = np.array(
        [(project(x, n_components=n_components, kind=kind, rng=rng, s=10) ** 2).sum() for _ in range(draws)]
    )
    expected = variance_factor(kind, n_features=n_features, n_components=n_components, q=0.5, s=10)
    assert lengths.mean() == pytest.approx(1.0, abs=6 * np.sqrt(expected / n_components / draws))
    assert n_components * lengths.var() == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("kind", KINDS)
def test_project_keeps_dtype_shape_and_input(kind):
    rng = np.random.default_rng(0)
    for dtype, expected in [(np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)]:
        x = (10 * rng.standard_normal((20, 50))).astype(dtype)
        before = x.copy()
        y = project(x, n_components=7, kind=kind, rng=rng)
        assert y.shape == (20, 7)
        assert y.dtype == expected
        assert (x == before).all()


def test_haar_rows_are_orthogonal():
    matrix = haar_matrix(10, 40, rng=np.random.default_rng(0))
    np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(10), atol=1e-12)


@pytest.mark.parametrize("density", [0.004, 0.05, 0.3, 1.0])
def test_sparse_matrix_has_its_density_and_values(density):
    matrix = sparse_matrix(200, 500, density=density, rng=np.random.default_rng(5))
    dense = matrix if density == 1 else matrix.toarray()
    assert np.mean(dense != 0) == pytest.approx(density, abs=5 * np.sqrt(density / dense.size))
    np.testing.assert_allclose(np.abs(dense[dense != 0]), np.sqrt(1 / density / 200))
    assert np.mean(np.sign(dense[dense != 0])) == pytest.approx(0, abs=5 / np.sqrt((dense != 0).sum()))


def test_a_memory_map_streams(tmp_path):
    x = np.random.default_rng(0).standard_normal((9000, 20)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    left = project(mapped, n_components=5, rng=np.random.default_rng(1))
    right = project(x, n_components=5, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(left, right)


def test_auto_takes_srht_only_where_it_is_much_cheaper():
    assert choose_kind(1024, 16384, 4096) == "srht"
    assert choose_kind(1000, 100, 10) == "gaussian"
    assert choose_kind(10_000, 768, 128) == "gaussian"
    assert choose_kind(1000, 1000, 2000) == "gaussian"


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    x = np.ones((5000, 30))
    x[4500, 3] = np.nan
    with pytest.raises(ValueError, match="first is row 4500"):
        project(x, n_components=2, rng=rng)
    with pytest.raises(ValueError, match="kind must be one of"):
        project(x, n_components=2, kind="fourier", rng=rng)
    with pytest.raises(ValueError, match="at most n_features=30"):
        project(np.ones((2, 30)), n_components=31, kind="haar", rng=rng)
    with pytest.raises(ValueError, match="n_components=40 is more than there are"):
        project(np.ones((2, 30)), n_components=40, kind="srht", rng=rng)
    with pytest.raises(ValueError, match="GiB"):
        draw("gaussian", 100_000, 1_000_000, rng=rng)
    with pytest.raises(ValueError, match="s must be 1 or more"):
        project(np.ones((2, 30)), n_components=4, kind="sparse", s=0.5, rng=rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distortion_equals_the_full_distance_matrix(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 40)) + 100  # far from the origin: naive products would cancel
    x[7] = x[3]
    x[9] = x[11] + 1e-4
    x = x.astype(dtype)
    y = project(x, n_components=12, rng=rng)
    old, new = pdist(x.astype(float), "sqeuclidean"), pdist(y.astype(float), "sqeuclidean")
    ratios = new[old > 0] / old[old > 0]
    found = distortion(x, y, tile=64, n_worst=5)
    tolerance = 2e-3 if dtype == np.float32 else 1e-8
    assert found.n_equal == 1
    assert found.n_pairs == len(ratios) == found.counts.sum() + found.outside
    assert found.minimum == pytest.approx(ratios.min(), rel=tolerance)
    assert found.maximum == pytest.approx(ratios.max(), rel=tolerance)
    assert found.mean == pytest.approx(ratios.mean(), rel=tolerance)
    assert found.sd == pytest.approx(ratios.std(), rel=tolerance)
    order = np.sort(np.abs(ratios - 1))[::-1][:5]
    np.testing.assert_allclose(np.abs(found.worst_ratios - 1), order, rtol=tolerance)
    i, j = found.worst[0]
    ratio = ((y[i] - y[j]).astype(float) ** 2).sum() / ((x[i] - x[j]).astype(float) ** 2).sum()
    assert ratio == pytest.approx(found.worst_ratios[0], rel=tolerance)


def test_very_sparse_maps_fail_on_one_hot_data_where_signs_do_not():
    points = cloud("one_hot", 100, 1024, rng=np.random.default_rng(0))
    worst = {
        kind: np.median(
            [
                distortion(
                    points, project(points, n_components=256, kind=kind, rng=np.random.default_rng(seed))
                ).largest
                for seed in range(5)
            ]
        )
        for kind in ("rademacher", "gaussian", "sparse")
    }
    assert worst["rademacher"] < 0.32 < worst["gaussian"] < worst["sparse"]
    assert worst["sparse"] > 0.6


def test_principal_components_win_on_decaying_spectra_and_lose_on_one_hot_data():
    rng = np.random.default_rng(0)

    def worst(points, n):
        components = fit_principal_components(points, n_components=n).transform(points)
        return distortion(points, components).largest, distortion(
            points, project(points, n_components=n, rng=rng)
        ).largest

    pca, random = worst(cloud("decaying", 200, 256, rng=rng), 32)
    assert pca < random
    pca, random = worst(cloud("one_hot", 200, 256, rng=rng), 128)
    assert pca > random
