"""`python -m jobs.whitening evaluate`: every pooling, dimension and kind of statistics on every set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.embeddings.pooling import Pooling
from engine.embeddings.whitening import WhiteningAccumulator
from jobs import cli, tracking
from jobs.progress import Bar
from jobs.whitening import artifacts
from jobs.whitening.scores import Scorer, Scores, accumulate
from jobs.whitening.sentence_vectors import Index, ReadyVectors, embed, embed_texts, load_vectors, open_source
from jobs.whitening.settings import NONE, Settings, check_sizes, dimension, settle
from jobs.whitening.sts import sources
from jobs.whitening.sts.sets import StsData

if TYPE_CHECKING:
    from jobs.whitening.config import Evaluate
    from jobs.whitening.sentence_encoders import SentenceEncoder
    from store.runs import Run

Cell = tuple[str, str, str]  # data set, pooling, column of the printed table


@dataclass(slots=True)
class Report:
    """What is printed and summarised at the end."""

    cells: dict[Cell, float] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, dataset: str, pooling: str, column: str, value: float) -> None:
        """Remember one score of the headline average."""
        if column not in self.columns:
            self.columns.append(column)
        self.cells[dataset, pooling, column] = value

    def note(self, sentence: str) -> None:
        """Remember a remark, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def start(config: Evaluate) -> None:
    """Check the flags, read the sets, score everything in a run, print the table."""
    source = open_source(config.encoder, device=config.device, db=config.db)
    settings = settle(config, source)
    sets = sources.load(config.data, data_dir=config.data_dir, limit=config.limit)
    if isinstance(source, ReadyVectors) and len(sets) > 1 and not source.path.is_dir():
        raise cli.InputError(f"--encoder {source.path} holds the vectors of one set, name it with --data")
    indices = [Index.of(data) for data in sets]
    others = {data.spec.name: _other_texts(config, settings, data) for data in sets}
    for data, index in zip(sets, indices, strict=True):
        _check_sizes(settings, source, data, index, others[data.spec.name])
    with tracking.start(config, **run_fields(config, source, sets)) as run:
        print(f"run {run.run_id}")
        report = Report()
        for data, index in zip(sets, indices, strict=True):
            _evaluate_set(run, config, settings, source, data, index, others[data.spec.name], report)
        run.summary(_summary(report, settings))
    _print(report, settings, sets, source.name)


def run_fields(config: Any, source: SentenceEncoder | ReadyVectors, sets: Sequence[StsData]) -> dict[str, Any]:
    """Columns of `runs` for a run on several sets."""
    names = ",".join(data.spec.name for data in sets)
    sources = {data.source for data in sets}
    if "sample" in sources:
        print("sample data: generated pairs, no real score")
    return {
        "experiment": "whitening",
        "task": names if len(sets) == 1 else "sts",
        "dataset": names,
        "model": Path(source.name).name if Path(source.name).is_dir() else source.name,
        "recipe": type(config).__name__.lower(),
        "data_source": "sample" if "sample" in sources else sorted(sources)[0],
        "train_fingerprint": _joined(source.fingerprint),
        "dev_fingerprint": _joined(*(data.fingerprint for data in sets)),
        "device": str(getattr(source, "device", "cpu")),
    }


def _check_sizes(
    settings: Settings,
    source: SentenceEncoder | ReadyVectors,
    data: StsData,
    index: Index,
    other: list[str] | np.ndarray,
) -> None:
    """Refuse before a run is opened what cannot be fitted."""
    width = source.check(data, index) if isinstance(source, ReadyVectors) else source.width
    counts = {
        "target": len(index.of_splits(data.parts, data.splits)),
        "test": len(index.of_splits(data.parts, ("test",))),
    }
    sentences = {name: counts.get(name, len(other)) for name in settings.statistics}
    check_sizes(settings, width, sentences, data.spec.name)
    if isinstance(other, np.ndarray) and other.shape[1] != width:
        raise cli.InputError(
            f"the statistics have vectors of width {other.shape[1]}, but those of {data.spec.name} have {width}"
        )


def _evaluate_set(
    run: Run,
    config: Evaluate,
    settings: Settings,
    source: SentenceEncoder | ReadyVectors,
    data: StsData,
    index: Index,
    other: list[str] | np.ndarray,
    report: Report,
) -> None:
    vectors = embed(source, data, index, settings.poolings, run=run)
    scorer = Scorer(data, index, resamples=config.resamples, seed=config.seed)
    other_vectors = _other_vectors(source, settings.poolings, data, other, run)
    if "target" in settings.statistics and data.spec.files and "train" not in data.splits and data.source == "files":
        report.note(f"{data.spec.name} has no train file: its target statistics are of {' + '.join(data.splits)}")
    with Bar(len(vectors), f"score {data.spec.name}", run=run, unit="poolings") as bar:
        for pooling in settings.poolings:
            table = vectors[pooling.name]
            statistics = {
                name: _statistics(name, data, index, table, other_vectors.get(pooling.name))
                for name in settings.statistics
            }
            _score_pooling(run, config, settings, scorer, pooling.name, table, statistics, report)
            if config.keep_pairs:
                artifacts.keep_vectors(run, data, index, pooling.name, table, statistics, config)
            bar.advance()
    if config.keep_pairs:
        artifacts.keep_pairs(run, data, config)


def _score_pooling(
    run: Run,
    config: Evaluate,
    settings: Settings,
    scorer: Scorer,
    pooling: str,
    table: np.ndarray,
    statistics: dict[str, WhiteningAccumulator],
    report: Report,
) -> None:
    raw = scorer.score(table)
    width = table.shape[1]
    if NONE in settings.components:
        axes = _axes(scorer.name, pooling, NONE, width, NONE, 0.0, 0.0)
        _measure(run, axes, raw, raw)
        report.add(scorer.name, pooling, NONE, raw.values[settings.average])
    for name, accumulator in statistics.items():
        _measure_statistics(run, scorer.name, pooling, name, accumulator, raw, report)
        for column, k, beta, gamma in _settings(config, settings, accumulator, scorer.name):
            with cli.input_errors(f"{scorer.name}, {pooling}, statistics {name}"):
                whitening = accumulator.finish(n_components=k, beta=beta, gamma=gamma)
                transformed = whitening.transform(table)
            scores = scorer.score(transformed)
            _measure(run, _axes(scorer.name, pooling, "whitened", k, name, beta, gamma), scores, raw)
            shown = column if len(statistics) == 1 else f"{column} {name}"
            report.add(scorer.name, pooling, shown, scores.values[settings.average])


def _settings(
    config: Evaluate, settings: Settings, accumulator: WhiteningAccumulator, dataset: str
) -> Iterator[tuple[str, int, float, float]]:
    """(column of the printed table, n_components, beta, gamma) of every whitening."""
    width = len(accumulator.mean)
    knobs = list(product(config.betas, config.gammas))
    with cli.input_errors(dataset):
        for component in settings.components:
            k = dimension(component, width, accumulator.finish(n_components=1).rank)
            if k is None:
                continue
            for beta, gamma in knobs:
                yield component + (f" b{beta:g} g{gamma:g}" if len(knobs) > 1 else ""), k, beta, gamma


def _statistics(
    name: str, data: StsData, index: Index, table: np.ndarray, other: np.ndarray | None
) -> WhiteningAccumulator:
    with cli.input_errors(f"{data.spec.name}, statistics {name}"):
        if name in ("target", "test"):
            splits = data.splits if name == "target" else ("test",)
            return accumulate(table, index.of_splits(data.parts, splits))
        assert other is not None
        return accumulate(other, np.arange(len(other)))


def _other_texts(config: Evaluate, settings: Settings, data: StsData) -> list[str] | np.ndarray:
    """The sentences, or ready vectors, of `nli` or `file` statistics; [] where neither is wanted."""
    if "file" in settings.statistics:
        path = Path(config.statistics_file or "")
        if path.suffix == ".npy":
            return load_vectors(path)
        return sources.read_sentences(path)
    return sources.nli(data.spec, data_dir=config.data_dir) if "nli" in settings.statistics else []


def _other_vectors(
    source: SentenceEncoder | ReadyVectors,
    poolings: Sequence[Pooling],
    data: StsData,
    other: list[str] | np.ndarray,
    run: Run,
) -> dict[str, np.ndarray]:
    if isinstance(other, np.ndarray):
        return {pooling.name: other for pooling in poolings}
    if not other:
        return {}
    if isinstance(source, ReadyVectors):
        raise cli.InputError("ready vectors need ready statistics: --statistics-file FILE.npy")
    return embed_texts(source, other, poolings, max_length=data.spec.max_length, title="statistics", run=run)


def _axes(
    dataset: str, pooling: str, whitening: str, k: int, statistics: str, beta: float, gamma: float
) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "pooling": pooling,
        "whitening": whitening,
        "n_components": k,
        "statistics": statistics,
        "transductive": statistics in ("target", "test"),
        "beta": beta,
        "gamma": gamma,
    }


def _measure(run: Run, axes: dict[str, Any], scores: Scores, raw: Scores) -> None:
    for name in scores.values:
        estimates: dict[str, Any] = {"spearman": scores.spearman(name)}
        if scores is not raw:
            estimates["gain"] = scores.gain(name, raw)
        run.measure("whitening_scores", {**axes, "average": name}, **estimates)


def _measure_statistics(
    run: Run,
    dataset: str,
    pooling: str,
    name: str,
    accumulator: WhiteningAccumulator,
    raw: Scores,
    report: Report,
) -> None:
    with cli.input_errors(f"{dataset}, {pooling}, statistics {name}"):
        fitted = accumulator.finish(n_components=1)
    width = len(fitted.mean)
    if fitted.rank < width < accumulator.count:
        report.note(
            f"{pooling}: {width - fitted.rank} of {width} directions have no variance (a LayerNorm leaves one); "
            f"full is {fitted.rank}"
        )
    run.measure(
        "whitening_statistics",
        {"dataset": dataset, "pooling": pooling, "statistics": name},
        sentences=accumulator.count,
        width=width,
        rank=fitted.rank,
        effective_rank=fitted.effective_rank,
        largest=fitted.eigenvalues[0],
        smallest=fitted.eigenvalues[fitted.rank - 1],
        mean_cosine=raw.mean_cosine,
    )


def _summary(report: Report, settings: Settings) -> dict[str, float]:
    """Mean over the sets of the first pooling's scores, by column."""
    first = settings.poolings[0].name
    sums: dict[str, list[float]] = {}
    for (_, pooling, column), value in report.cells.items():
        if pooling == first:
            sums.setdefault(f"{column}/spearman", []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _print(report: Report, settings: Settings, sets: Sequence[StsData], encoder: str) -> None:
    """The post's table: a row a pooling, a column a set, none / whitened / reduced in each cell."""
    names = [data.spec.name for data in sets]
    rows = [["", *names]]
    for pooling in settings.poolings:
        cells = []
        for name in names:
            values = (report.cells.get((name, pooling.name, column)) for column in report.columns)
            cells.append(" / ".join("-" if value is None else f"{100 * value:.2f}" for value in values))
        rows.append([pooling.name, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{encoder}: Spearman x 100, {settings.average} over subsets; {' / '.join(report.columns)}")
    if any(name in ("target", "test") for name in settings.statistics):
        print("transductive: mean and covariance come from the evaluated sentences (no label is used)")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for note in report.notes:
        print(note)


def _joined(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
