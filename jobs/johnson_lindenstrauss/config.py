"""The flags of `python -m jobs.johnson_lindenstrauss`."""

from __future__ import annotations

import dataclasses

from jobs import cli

KINDS = ("gaussian", "rademacher", "achlioptas", "sparse", "srht", "haar")
CLOUDS = ("gaussian", "one_hot", "decaying", "clustered")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds(cli.Options):
    """Dimensions that each bound asks for, beside the smallest number that worked."""

    samples: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    """numbers of points N"""
    eps: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    """allowed relative errors of squared distances"""
    measure_up_to: int = 1000
    """largest N for which the minimum is also measured (its cost grows like N squared)"""
    trials: int = 9
    """projections tried at each number of dimensions"""
    quick: bool = False
    """N = 100 only and coarse eps: a few seconds"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Distortion(cli.Options):
    """Ratios of squared distances over all pairs, for projections, data and numbers of dimensions."""

    data: tuple[str, ...] = CLOUDS
    """clouds (gaussian, one_hot, decaying, clustered) or .npy files of vectors"""
    run: str = ""
    """take the sentence vectors of this whitening run instead"""
    kinds: tuple[str, ...] = KINDS
    """projections: gaussian, rademacher, achlioptas, sparse, srht, haar"""
    dims: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    """target dimensions n"""
    n_samples: int = 500
    """points N of a cloud, and at most so many rows of a file"""
    n_features: int = 1024
    """columns m of a cloud"""
    repeats: int = 5
    """projections drawn for each cell"""
    quick: bool = False
    """two dimensions, two repeats, 200 points"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lsh(cli.Options):
    """Sign hashes against theory: collisions, raw and repaired cosine, bands, and neighbour search."""

    cosines: tuple[float, ...] = (-0.9, -0.5, 0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.771, 0.8, 0.9, 0.95, 0.99)
    """cosines of the pairs that are hashed"""
    bits: tuple[int, ...] = (64, 256, 1024)
    """bits of a code"""
    bands: tuple[int, ...] = (8, 16, 32)
    """numbers of bands"""
    rows: tuple[int, ...] = (4, 8, 16)
    """bits of a band"""
    pairs: int = 2000
    """pairs at each cosine"""
    n_features: int = 128
    """columns of the vectors"""
    data: str = ""
    """.npy file whose neighbours are searched, instead of a clustered cloud"""
    run: str = ""
    """search the sentence vectors of this whitening run"""
    n_samples: int = 5000
    """points that are searched"""
    quick: bool = False
    """fewer pairs, bits and points"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Svd(cli.Options):
    """Error of the range finder beside the optimum, its bound, and the post's recipe as written."""

    data: tuple[str, ...] = ("power", "exponential", "low_rank")
    """spectra (power, exponential, low_rank) or .npy files with a matrix"""
    run: str = ""
    """take the sentence vectors of this whitening run as the matrix"""
    ranks: tuple[int, ...] = (5, 10, 20, 40)
    """ranks k"""
    oversampling: tuple[int, ...] = (2, 10)
    """extra directions p"""
    power_iterations: tuple[int, ...] = (0, 1, 2)
    """passes q"""
    shape: tuple[int, int] = (400, 300)
    """size of a made matrix"""
    repeats: int = 20
    """random test matrices for each cell"""
    quick: bool = False
    """two ranks, three repeats"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pca(cli.Options):
    """Principal components beside random projections, on data where each wins."""

    data: tuple[str, ...] = CLOUDS
    """clouds (gaussian, one_hot, decaying, clustered) or .npy files of vectors"""
    run: str = ""
    """take the sentence vectors of this whitening run instead"""
    dims: tuple[int, ...] = (8, 16, 32, 64, 128)
    """target dimensions n"""
    n_samples: int = 200
    """points N of a cloud, and at most so many rows of a file"""
    n_features: int = 1024
    """columns m of a cloud"""
    repeats: int = 10
    """clouds and projections drawn for each cell"""
    quick: bool = False
    """two dimensions, two repeats"""
