"""Skip-gram vectors of growing dimension on Chinese text: what they keep and know, and the PIP loss beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.dimension import cooccurrence, entropy, pip_loss
from engine.dimension.skipgram import SkipGram, information_kept, pip_distance, train_skipgram
from engine.evidence.intervals import mean_interval
from engine.text.tasks import get_task
from jobs import cli, progress, tracking
from jobs.clue.data import sources as clue_data
from jobs.dimension.config import Skipgram
from store.runs import Run


@dataclass(frozen=True, slots=True)
class Text:
    """Co-occurrences of one split of the texts into training and held-out ones."""

    vocabulary: list[str]
    train: np.ndarray
    held_out: np.ndarray
    halves: tuple[np.ndarray, np.ndarray]


def skipgram(config: Skipgram) -> None:
    """Train every dimension of every vocabulary on every split."""
    config_sizes, dims, steps, repeats = config.vocabularies, config.dims, config.steps, config.repeats
    if config.quick:
        config_sizes, dims, steps, repeats = (200,), (2, 8, 32), 60, 2
    if min(config_sizes) < 2:
        raise cli.InputError(f"--vocabularies: {min(config_sizes)} word predicts nothing, expected 2 or more")
    if min(*dims, steps, repeats, config.window, config.negatives) < 1 or not 0 < config.held_out < 1:
        raise cli.InputError("--dims, --steps, --repeats, --window, --negatives: 1 or more; --held-out between 0 and 1")
    with cli.input_errors("--task"):
        spec = get_task(config.task)
    data = clue_data.load(spec, data_dir=config.data_dir, limit=config.limit)
    texts = list(_texts(example.fields for example in [*data.train, *data.dev]))
    with cli.input_errors(f"texts of {config.task}"):
        cooccurrence.build_vocabulary(texts, size=2, units=config.units)
        splits = {(size, r): _split(texts, size, r, config) for size in config_sizes for r in range(repeats)}
    fields: dict[str, Any] = {"task": "skipgram", "dataset": config.task, "data_source": data.source}
    with tracking.start(
        config, experiment="dimension", device="cpu", train_fingerprint=data.fingerprints.get("train"), **fields
    ) as run:
        print(f"run {run.run_id}")
        print(f"{len(texts):,} texts of {config.task} ({data.source}), window {config.window}, {config.units}")
        for size in config_sizes:
            _vocabulary(run, [splits[size, r] for r in range(repeats)], dims, steps, config)


def _vocabulary(run: Run, splits: Sequence[Text], dims: Sequence[int], steps: int, config: Skipgram) -> None:
    """All dimensions of one vocabulary, then the PIP loss and the marks of the rules."""
    size = len(splits[0].vocabulary)
    information = [cooccurrence.mutual_information(text.train) for text in splits]
    rule = float(entropy.POST_COEFFICIENT * np.log(size))
    print(f"\nN = {size}: 8.33 ln N = {rule:.1f}, the training text has {np.mean(information):.3f} nats of information")
    columns = ("loss", "kept", "share", "held out", "groups", "norm/n", "seed PIP")
    print(f"{'n':>4} " + " ".join(f"{column:>8}" for column in columns))
    run.measure("skipgram_rule", {"rule": "8.33 ln N", "vocabulary": size}, source="bound", n_components=rule)
    for n in progress.track(dims, f"skip-gram N={size}", run=run):
        models = []
        for repeat, text in enumerate(splits):
            rng = np.random.default_rng([config.seed, repeat, size, n])
            options = {"steps": steps, "negatives": config.negatives, "learning_rate": config.learning_rate}
            models.append(train_skipgram(text.train, n_components=n, rng=rng, **options))  # type: ignore[arg-type]
        values = _score(models, splits, information)
        run.measure("skipgram", {"n_components": n, "vocabulary": size}, **values)
        shown = ("loss", "kept", "share", "held_out", "neighbours", "norm_product", "seed_pip")
        progress.say(
            f"{n:>4} " + " ".join(f"{values[name][0]:>8.4f}" if name in values else "       -" for name in shown)
        )
    _pip(run, splits, size, config)


def _score(models: Sequence[SkipGram], splits: Sequence[Text], information: Sequence[float]) -> dict[str, Any]:
    """Metrics with intervals over the splits."""
    kept = [information_kept(model, text.train) for model, text in zip(models, splits, strict=True)]
    samples: dict[str, list[float]] = {
        "loss": [float(model.losses[-1]) for model in models],
        "kept": kept,
        "share": [own / total for own, total in zip(kept, information, strict=True)],
        "held_out": [information_kept(model, text.held_out) for model, text in zip(models, splits, strict=True)],
        "norm_product": [model.norm_product for model in models],
        "neighbours": [
            cooccurrence.neighbour_score(model.centers, text.vocabulary)[0]
            for model, text in zip(models, splits, strict=True)
        ],
        "seed_pip": [
            pip_distance(first.centers, second.centers)
            for (first, a), (second, b) in zip(
                list(zip(models, splits, strict=True))[:-1], list(zip(models, splits, strict=True))[1:], strict=True
            )
            if a.vocabulary == b.vocabulary
        ],
    }
    return {
        name: tuple(mean_interval(values)) for name, values in samples.items() if values and np.isfinite(values).all()
    }


def _pip(run: Run, splits: Sequence[Text], size: int, config: Skipgram) -> None:
    """Yin and Shen's loss: spectrum and noise of the positive PMI of both halves of the text, simulated."""
    best = []
    for repeat, text in enumerate(splits):
        noise = pip_loss.estimate_noise(*(cooccurrence.positive_pmi(half) for half in text.halves))
        values = np.linalg.svd(cooccurrence.positive_pmi(text.train), compute_uv=False)
        signal = pip_loss.estimate_signal(values, noise)
        if not signal.any():
            print("PIP loss: no singular value rises above the noise of this text")
            return
        found = pip_loss.simulate_pip_loss(signal, noise, rng=np.random.default_rng([config.seed, repeat]))
        best.append(float(found.best))
        if repeat == 0:
            for k in np.unique(np.geomspace(1, size, 60).astype(int)):
                axes = {"n_components": int(k), "vocabulary": size}
                run.measure("skipgram_pip", axes, loss=float(found.loss[k - 1]))
    interval = mean_interval(best)
    run.measure("skipgram_rule", {"rule": "PIP loss", "vocabulary": size}, n_components=tuple(interval))
    run.summary({f"pip_dimension/N{size}": interval.value})
    print(f"PIP loss (positive PMI, alpha 0.5) is least at n = {interval.value:.1f}")


def _split(texts: Sequence[str], size: int, repeat: int, config: Skipgram) -> Text:
    """Vocabulary of all texts, so that splits can be compared; counts of training and held-out texts."""
    vocabulary = cooccurrence.build_vocabulary(texts, size=size, units=config.units)
    order = np.random.default_rng([config.seed, repeat]).permutation(len(texts))
    cut = min(max(1, round(config.held_out * len(texts))), len(texts) - 1)
    parts = [order[:cut], order[cut::2], order[cut + 1 :: 2]]

    def counts(rows: np.ndarray) -> np.ndarray:
        tokens = cooccurrence.encode((texts[row] for row in rows), vocabulary, units=config.units)
        return cooccurrence.cooccurrence_counts(tokens, len(vocabulary), window=config.window)

    held_out, first, second = (counts(part) for part in parts)
    return Text(vocabulary, first + second, held_out, (first, second))


def _texts(rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    """Every string field of every row, each text once."""
    seen: set[str] = set()
    for fields in rows:
        for value in fields.values():
            for text in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
                if isinstance(text, str) and text not in seen:
                    seen.add(text)
                    yield text
