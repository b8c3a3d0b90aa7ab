"""The flags of `python -m jobs.dimension`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from jobs import cli


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entropy(cli.Options):
    """Entropy of random tables beside 2 ln N + h_n, and the probability of retrieving one key."""

    vocabularies: tuple[int, ...] = (256, 1000, 4000)
    """numbers of words (or keys) N"""
    dims: tuple[int, ...] = (4, 8, 12, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 128)
    """dimensions n"""
    rho: float = 1.0
    """|u||v| / n; 1 is the post's norm"""
    repeats: int = 8
    """tables drawn for each cell"""
    quick: bool = False
    """N = 256, four dimensions, three repeats"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attention(cli.Options):
    """Fit softmax(Q K^T) of growing head size to patterns of growing length."""

    lengths: tuple[int, ...] = (32, 64, 128, 256, 512)
    """sequence lengths L"""
    head_sizes: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 127)
    """head sizes d (those up to L are fitted)"""
    patterns: tuple[Literal["permutation", "sparse", "banded", "dense"], ...] = (
        "permutation",
        "sparse",
        "banded",
        "dense",
    )
    """permutation, sparse (4 keys a row), banded (2 keys to each side), dense (flat Dirichlet rows)"""
    steps: int = 1000
    """Adam steps of a fit"""
    learning_rate: float = 0.1
    """at the start; falls to zero"""
    good: float = 0.05
    """mean KL in nats that counts as reached when the needed head size is read off"""
    repeats: int = 3
    """patterns and starts drawn for each cell"""
    quick: bool = False
    """L = 32 and 64, four head sizes, 200 steps, two repeats"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Skipgram(cli.Options):
    """Train skip-gram vectors of growing dimension on the texts of a CLUE task."""

    task: str = "tnews"
    """CLUE task whose texts are read"""
    data_dir: Path | None = None
    """folder of the CLUE files (default: $CLUE_DATA_DIR, else the hub, else the built-in sample)"""
    limit: int | None = None
    """only the first rows of every split"""
    units: Literal["characters", "bigrams"] = "characters"
    """what a word is: a Chinese character, or two neighbouring ones"""
    vocabularies: tuple[int, ...] = (300, 1000)
    """numbers N of the most frequent words that are kept"""
    dims: tuple[int, ...] = (2, 4, 8, 16, 32, 48, 64, 96, 128, 192)
    """dimensions n"""
    window: int = 4
    """context on each side"""
    negatives: int = 5
    """noise words of a pair"""
    steps: int = 250
    """Adam steps; each sees all pairs"""
    learning_rate: float = 0.03
    """at the start; falls to zero"""
    repeats: int = 3
    """starts, noise draws and splits into training and held-out texts"""
    held_out: float = 0.2
    """share of the texts that are only scored"""
    quick: bool = False
    """N = 200, three dimensions, 60 steps, two repeats, no PIP loss above N = 200"""
