"""What the flags of `python -m jobs.whitening` mean: presets, components, statistics, poolings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.embeddings.pooling import STUDIED, Pooling
from jobs import cli
from jobs.whitening.scores import AVERAGES
from jobs.whitening.sentence_encoders import SentenceEncoder
from jobs.whitening.sentence_vectors import ReadyVectors

NONE, FULL, REDUCED = "none", "full", "reduced"
STATISTICS = ("target", "test", "nli", "file")
_BERT_WHITENING: dict[str, Any] = {"poolings": ("first-last-avg",), "average": "wmean"}
PRESETS: dict[str, dict[str, Any]] = {
    "bert-whitening-target": {**_BERT_WHITENING, "components": (NONE, FULL), "statistics": ("target",)},
    "bert-whitening-256-target": {**_BERT_WHITENING, "components": (NONE, "256"), "statistics": ("target",)},
    "bert-whitening-nli": {**_BERT_WHITENING, "components": (NONE, FULL), "statistics": ("nli",)},
    "bert-whitening-256-nli": {**_BERT_WHITENING, "components": (NONE, "256"), "statistics": ("nli",)},
    "bert-whitening-chinese": {
        "poolings": STUDIED,
        "components": (NONE, FULL, REDUCED),
        "statistics": ("target",),
        "average": "wmean",
    },
    "whiteningbert": {
        "poolings": ("first-last-avg",),
        "components": (NONE, FULL),
        "statistics": ("test",),
        "average": "mean",
    },
}
"""Su et al. (2021): layers 1 and last, statistics of all sentences of the set or of NLI, 256 of 768 dimensions, mean
weighted by the subsets' sizes. Huang et al. (2021): the same layers, statistics of the test sentences, plain mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an evaluation, defaults and preset filled in."""

    poolings: tuple[Pooling, ...]
    components: tuple[str, ...]
    statistics: tuple[str, ...]
    average: str


def settle(config: Any, source: SentenceEncoder | ReadyVectors) -> Settings:
    """Settle what the flags of an `evaluate` config left out, for an encoder.

    Raises:
        InputError: if a name is unknown or the encoder lacks a pooling.
    """
    preset = choose("--preset", config.preset, PRESETS) if config.preset else {}
    names = config.poolings or preset.get("poolings") or source.poolings
    if not config.poolings:
        names = _available(names, source)
    components = config.components or preset.get("components") or (NONE, FULL, REDUCED)
    statistics = config.statistics or preset.get("statistics") or ("target",)
    for name in statistics:
        check("--statistics", name, STATISTICS)
    if ("file" in statistics) != (config.statistics_file is not None):
        raise cli.InputError("--statistics file and --statistics-file FILE are used together")
    if isinstance(source, ReadyVectors) and "nli" in statistics:
        raise cli.InputError("--statistics nli needs an encoder; hand in vectors with --statistics-file FILE.npy")
    average = config.average or preset.get("average") or "wmean"
    check("--average", average, AVERAGES)
    for name in components:
        check_component(name)
    if config.resamples < 1:
        raise cli.InputError(f"--resamples must be positive, got {config.resamples}")
    return Settings(
        poolings=parse(names, source, flag="--poolings"), components=components, statistics=statistics, average=average
    )


def check_sizes(settings: Settings, width: int, sentences: Mapping[str, int], dataset: str) -> None:
    """Refuse what cannot be fitted whatever the vectors are: too few sentences for the wanted components.

    Args:
        settings: what is wanted.
        width: of the vectors.
        sentences: how many sentences each kind of statistics has.
        dataset: for the message.
    """
    for name, count in sentences.items():
        usable = min(width, count - 1)
        for component in settings.components:
            k = dimension(component, width, width)
            if k is not None and k > usable:
                raise cli.InputError(
                    f"--components {component}: {k} components wanted of vectors of width {width}, but {count:,} "
                    f"sentences ({name} statistics of {dataset}) give at most {usable}"
                )


def parse(
    names: Sequence[str], source: SentenceEncoder | ReadyVectors, *, flag: str = "--pooling"
) -> tuple[Pooling, ...]:
    """The poolings of names, each once; the flag that named them is told where one is unknown."""
    with cli.input_errors(flag):
        return tuple({pooling.name: pooling for pooling in map(source.parse, names)}.values())


def dimension(component: str, width: int, rank: int) -> int | None:
    """The number of components that a word stands for; None for no whitening.

    `full` leaves out directions without variance: the output of a LayerNorm has one, and dividing by the square root
    of its rounding noise would blow the noise up to the size of the signal.
    """
    if component == NONE:
        return None
    if component == FULL:
        return min(rank, width)
    if component == REDUCED:
        return {768: 256, 1024: 384, 384: 128, 312: 128}.get(width, max(1, width // 2))
    return int(component)


def check_component(name: str) -> None:
    """Refuse what is not a word or a positive number."""
    if name not in (NONE, FULL, REDUCED) and not (name.isdigit() and int(name) > 0):
        hint = cli.suggest(name, (NONE, FULL, REDUCED))
        raise cli.InputError(f"--components {name}: expected none, full, reduced or a positive number{hint}")


def check(flag: str, name: str, names: Sequence[str]) -> None:
    """Refuse a word that is not one of the names."""
    if name not in names:
        raise cli.InputError(f"{flag} {name}: expected {', '.join(names)}{cli.suggest(name, names)}")


def choose(flag: str, name: str, table: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The entry of a name."""
    check(flag, name, tuple(table))
    return table[name]


def _available(names: Sequence[str], source: SentenceEncoder | ReadyVectors) -> list[str]:
    """Of a preset's poolings those the encoder has; its own where it has none of them."""
    found = []
    for name in names:
        try:
            source.parse(name)
        except ValueError as error:
            print(f"left out: {error}")
        else:
            found.append(name)
    return found or list(source.poolings)
