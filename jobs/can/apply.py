"""Correct a file of probabilities against a stored reference set, a block of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs import cli, tracking
from jobs.can import inputs, tables
from jobs.can.config import PUBLISHED, Apply

if TYPE_CHECKING:
    from store.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Confident predictions of another set, with the prior and the setting to correct with."""

    probs: np.ndarray  # (r, m), all rows; the confident ones are taken by the setting
    prior: np.ndarray | None  # (m,)
    names: tuple[str, ...]
    setting: dict[str, Any]
    run_id: str
    about: dict[str, Any]


Correct = Callable[[np.ndarray], np.ndarray]


def apply(config: Apply) -> None:
    """Check the input, then write the corrected file."""
    from engine.can.correct import alternating_normalization, uncertain_rows

    if tables.kind(config.probs) != tables.kind(config.output):
        raise cli.InputError(f"--output must end in {config.probs.suffix} like --probs, got {config.output.name}")
    if config.block < 1:
        raise cli.InputError(f"--block must be at least 1, got {config.block}")
    if config.output.resolve() == config.probs.resolve():
        raise cli.InputError(f"--output must not be the input file {config.probs}")
    reference = load(config)
    prior = tables.read_prior(config.prior, reference.names) if config.prior else reference.prior
    if prior is None:
        raise cli.InputError(f"run {reference.run_id} stored no class frequencies: pass --prior FILE")
    setting = {name: getattr(config, name) or reference.setting[name] for name in PUBLISHED}
    with cli.input_errors("setting"):
        sure = ~uncertain_rows(reference.probs, k=setting["k"], threshold=setting["threshold"])
        known = reference.probs[sure]
        alternating_normalization(reference.probs[:1], prior, reference=known, **setting)  # refuses a bad setting now

    def correct(probs: np.ndarray) -> np.ndarray:
        return alternating_normalization(probs, prior, reference=known, **setting)

    with tracking.start(config, experiment="can", parent=reference.run_id, device="cpu", **reference.about) as run:
        print(f"run {run.run_id}")
        rows, changed = write(config, reference.names, correct, run)
        run.summary({"test/rows": rows, "test/flips": changed})
    print(f"{config.output}: {rows:,} rows, {changed:,} decisions changed (reference: {len(known):,} confident rows)")


def load(config: Apply) -> Reference:
    """The reference set of a sweep, or the stored predictions of any run."""
    from store import queries

    queries.refresh(config.db)
    row = queries.run(config.reference, config.db)
    about = {name: row[name] for name in inputs.DESCRIBED}
    files = {
        name: Path(file) for name, file in queries.artifacts(row["run_id"], config.db).select("name", "file").rows()
    }
    if "reference.json" in files:
        with cli.input_errors(f"reference set of run {row['run_id']}"):
            content = json.loads(files["reference.json"].read_text(encoding="utf-8"))
            matrix = tables.read_probs(files["reference.parquet"])
        names = tuple(content["labels"])
        prior = np.array(content["prior_values"])
        return Reference(
            probs=matrix.values, prior=prior, names=names, setting=content, run_id=row["run_id"], about=about
        )
    found = inputs.from_run(row["run_id"], db=config.db)
    setting = {**PUBLISHED, "k": min(int(PUBLISHED["k"]), max(2, len(found.names) - 1))}
    return Reference(
        probs=found.probs,
        prior=found.train_prior,
        names=found.names,
        setting=setting,
        run_id=row["run_id"],
        about=about,
    )


def write(config: Apply, names: tuple[str, ...], correct: Correct, run: Run) -> tuple[int, int]:
    """Write the corrected file; returns the rows and how many decisions changed."""
    config.output.parent.mkdir(parents=True, exist_ok=True)
    with cli.input_errors(str(config.probs)):
        if config.probs.suffix == ".npy":
            return _write_array(config, names, correct, run)
        return _write_table(config, names, correct)


def _write_array(config: Apply, names: tuple[str, ...], correct: Correct, run: Run) -> tuple[int, int]:
    source = np.load(config.probs, mmap_mode="r", allow_pickle=False)
    _check_width(source.shape[-1] if source.ndim == 2 else 0, names)
    side = config.output.with_name(f".{config.output.name}.part")
    dtype = source.dtype if np.issubdtype(source.dtype, np.floating) else np.dtype(np.float64)
    target = np.lib.format.open_memmap(side, mode="w+", dtype=dtype, shape=source.shape)
    changed = 0
    try:
        for start in range(0, len(source), config.block):
            block = slice(start, start + config.block)
            before, after = _correct(np.asarray(source[block]), config, correct, start)
            target[block] = after
            changed += int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
            run.progress(min(1.0, (start + config.block) / len(source)))
        target.flush()
    except BaseException:
        side.unlink(missing_ok=True)
        raise
    side.replace(config.output)
    return len(source), changed


def _write_table(config: Apply, names: tuple[str, ...], correct: Correct) -> tuple[int, int]:
    import polars as pl

    rows = changed = 0
    with tables.Writer(config.output) as writer:
        for frame in tables.blocks(config.probs, config.block):
            columns = names if set(names) <= set(frame.columns) else tables.class_columns(frame)
            _check_width(len(columns), names)
            before, after = _correct(frame.select(columns).to_numpy(), config, correct, rows)
            new = pl.DataFrame(after, schema=list(columns)).cast({name: frame.schema[name] for name in columns})
            writer.write(frame.with_columns(new))
            changed += int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
            rows += len(frame)
    return rows, changed


def _correct(values: np.ndarray, config: Apply, correct: Correct, start: int) -> tuple[np.ndarray, np.ndarray]:
    before = tables.softmax(values) if config.logits else values
    try:
        return before, correct(before)
    except ValueError as error:
        raise ValueError(f"in the block from row {start}: {error}") from error


def _check_width(width: int, names: tuple[str, ...]) -> None:
    if width != len(names):
        raise ValueError(f"expected {len(names)} columns of probabilities, one per class of the reference, got {width}")
