"""`python -m jobs.whitening layers`: the token means of every two hidden states, averaged, as they are and whitened.

Huang et al. (2021, https://arxiv.org/abs/2104.01767) studied the pairs of layers of several encoders on English sets
and recommend layers 1 and 12; hidden state 0 is the embedding output, and a pair of one layer with itself is that
layer alone.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from engine.embeddings.pooling import parse_pooling
from jobs import cli, tracking
from jobs.progress import Bar
from jobs.whitening.evaluate import run_fields
from jobs.whitening.scores import AVERAGES, Scorer, accumulate
from jobs.whitening.sentence_vectors import Index, ReadyVectors, embed, open_source
from jobs.whitening.settings import NONE, check
from jobs.whitening.sts import sources

if TYPE_CHECKING:
    from jobs.whitening.config import Layers
    from jobs.whitening.sentence_encoders import SentenceEncoder
    from jobs.whitening.sts.sets import StsData
    from store.runs import Run

Best = tuple[float, str, str]


def start(config: Layers) -> None:
    """Check the flags, score the pairs in a run, print the best ones."""
    check("--statistics", config.statistics, ("target", "test"))
    check("--average", config.average, AVERAGES)
    source = open_source(config.encoder, device=config.device, db=config.db)
    if isinstance(source, ReadyVectors) or source.layers == 0:
        raise cli.InputError(f"--encoder {config.encoder} has no layers to pair: name a BERT-type encoder")
    sets = sources.load(config.data, data_dir=config.data_dir, limit=config.limit)
    with tracking.start(config, **run_fields(config, source, sets)) as run:
        print(f"run {run.run_id}")
        for data in sets:
            found = _score_set(run, config, source, data)
            run.summary({f"{data.spec.name}/{setting}": value for setting, (value, _) in found.items()})
            for setting, (value, pair) in found.items():
                print(f"{data.spec.name:<10} {setting:<9} best pair {pair:<6} {100 * value:.2f}")


def _score_set(run: Run, config: Layers, source: SentenceEncoder, data: StsData) -> dict[str, tuple[float, str]]:
    """Store every pair's scores; the best value and its pair, none and whitened."""
    index = Index.of(data)
    scorer = Scorer(data, index, resamples=config.resamples, seed=config.seed)
    rows = index.of_splits(data.parts, data.splits if config.statistics == "target" else ("test",))
    states = embed(
        source, data, index, [parse_pooling(f"{n}+{n}", layers=source.layers) for n in range(source.layers + 1)]
    )
    pairs = list(combinations_with_replacement(range(source.layers + 1), 2))
    best: dict[str, tuple[float, str]] = {}
    with Bar(len(pairs), f"score {data.spec.name}", run=run, unit="pairs") as bar:
        for first, second in pairs:
            table = (states[f"{first}+{first}"] + states[f"{second}+{second}"]) / np.float32(2)
            for setting, value in _score_pair(run, config, scorer, (first, second), table, rows).items():
                best[setting] = max(best.get(setting, (-1.0, "")), (value, f"{first}+{second}"))
            bar.advance()
    return best


def _score_pair(
    run: Run, config: Layers, scorer: Scorer, pair: tuple[int, int], table: np.ndarray, rows: np.ndarray
) -> dict[str, float]:
    with cli.input_errors(f"{scorer.name}, layers {pair[0]} and {pair[1]}"):
        accumulator = accumulate(table, rows)
        rank = accumulator.finish(n_components=1).rank
        whitened = accumulator.finish(n_components=rank).transform(table)
    values = {}
    for setting, vectors in ((NONE, table), ("whitened", whitened)):
        scores = scorer.score(vectors)
        values[setting] = scores.values[config.average]
        axes = {
            "dataset": scorer.name,
            "first": pair[0],
            "second": pair[1],
            "whitening": setting,
            "n_components": vectors.shape[1],
            "statistics": NONE if setting == NONE else config.statistics,
        }
        for name in AVERAGES:
            run.measure("layer_pairs", {**axes, "average": name}, spearman=scores.spearman(name))
    return values
