"""The flags of `python -m jobs.whitening`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from jobs import cli


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source(cli.Options):
    """Flags of every mode that makes sentence vectors."""

    encoder: str = "hashed"
    """hashed, a BERT-type or sentence-transformers folder, a hub name, a CLUE run's id, or a .npy file (README)"""
    data: tuple[str, ...] = ()
    """sets of sentence pairs, sample, or tab-separated files: two sentences and a score (default: all found)"""
    data_dir: Path | None = None
    """folder with senteval_cn/ and sts_en/ (default: $CLUE_DATA_DIR, else the hub, else the built-in sample)"""
    limit: int | None = None
    """only the first pairs of every subset"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate(Source):
    """Score poolings, none or whitened, at several dimensions: one table like the post's."""

    preset: str = ""
    """settings of a paper, where a flag does not say otherwise: bert-whitening-256-target, whiteningbert, ..."""
    poolings: tuple[str, ...] = ()
    """first-last-avg, last-avg, last2avg, last-two-avg, cls, pooler, last-max, native, or two layers such as 1+12
    (default: all the encoder has)"""
    components: tuple[str, ...] = ()
    """none (as they are), full (all components that carry variance), reduced (about a third), or numbers
    (default: none full reduced)"""
    statistics: tuple[str, ...] = ()
    """sentences that give mean and covariance: target (train, dev and test), test, nli, file (default: target)"""
    statistics_file: Path | None = None
    """text file (a sentence a line) or .npy of vectors, for --statistics file"""
    betas: tuple[float, ...] = (1.0,)
    """shares of the mean that are subtracted"""
    gammas: tuple[float, ...] = (1.0,)
    """powers of the spectrum that are divided out"""
    average: str = ""
    """shown of sets with several subsets: mean, wmean (weighted by size) or all (default: wmean); all are stored"""
    resamples: int = 500
    """bootstrap resamples behind every interval"""
    keep_pairs: int = 1000
    """test pairs whose vectors are kept for the dashboard's sliders; 0 keeps none"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layers(Source):
    """Score the average of every pair of layers, none and whitened: WhiteningBERT's study as a heat map."""

    statistics: str = "test"
    """sentences that give mean and covariance: target or test"""
    average: str = "mean"
    """average over subsets: mean, wmean or all"""
    resamples: int = 200
    """bootstrap resamples behind every interval"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval(Source):
    """Search the sentences of a set at full and reduced dimensions: what reduction costs and saves."""

    pooling: str = ""
    """pooling of the vectors (default: the encoder's first)"""
    components: tuple[str, ...] = ()
    """none, full, reduced or numbers (default: none, full, and halves of the width down to 16)"""
    k: int = 10
    """neighbours searched for each query"""
    queries: int = 2000
    """most queries, drawn at random"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sentences(cli.Options):
    """Print the sentences of a set, one a line: encode them elsewhere and hand the rows in as --encoder FILE.npy."""

    data: str = ""
    """the set"""
    data_dir: Path | None = None
    """folder with senteval_cn/ and sts_en/"""
    limit: int | None = None
    """only the first pairs of every subset, as in the evaluation"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Encode(cli.Options):
    """Encode sentences of your own into a .npy file, one row a sentence; stores no run."""

    encoder: str = "hashed"
    """as for evaluate, but for a .npy file"""
    pooling: str = ""
    """pooling of the vectors (default: the encoder's first)"""
    sentences: tuple[str, ...] = ()
    """the sentences themselves"""
    file: Path | None = None
    """or a text file with one a line"""
    output: Path = Path("vectors.npy")
    """where the vectors go"""
    max_length: int = 64
    """most tokens of a sentence"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Export(cli.Options):
    """Write an encoder with its whitening as a sentence-transformers model that gives the same vectors; no run."""

    encoder: str = ""
    """a folder, a hub name, or a CLUE run's id"""
    output: Path = Path("whitened")
    """folder of the model"""
    pooling: str = ""
    """pooling of hidden states (default: the encoder's first)"""
    components: int | None = None
    """leading components kept (default: all that carry variance)"""
    data: str = ""
    """set whose sentences give mean and covariance (default: the built-in sample)"""
    data_dir: Path | None = None
    """folder with senteval_cn/ and sts_en/"""
    file: Path | None = None
    """or a text file with a sentence a line"""
    max_length: int = 64
    """most tokens of a sentence"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
