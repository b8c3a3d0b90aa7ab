"""Measure speed against peers, as ratios taken in one run, and store the outcome as a run.

    python -m jobs.benchmark --suite training
    python -m jobs.benchmark --suite store --full

Peers that are not installed are left out and named: pip install -c constraints.txt -e ".[peers]"
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs import cli, tracking

SUITES = {
    "training": "training and evaluation speed beside the transformers Trainer",
    "store": "points logged, seconds to visible, reading times, beside trackio, MLflow and TensorBoard",
    "can": "CAN for all rows at once beside one row at a time",
    "whitening": "the streaming fit beside numpy and scikit-learn; encoding beside one sentence at a time",
    "smoothing": "the activations beside torch's own",
    "jl": "projections, distortion and randomized SVD beside scikit-learn, scipy and torch",
    "evidence": "coverage, level and width of the interval over seeds and examples, simulated",
    "scale": "what grows with jobs at once, runs and points, for docs/SCALE.md",
    "own": "what people bring: a log call, importing the store, a large CSV task, a large MLflow store",
    "dashboard": "server time of every page on a large store",
    "families": "hidden states and rows a second of every encoder family beside transformers",
    "labs": "processor time of every chapter of the labs and of its controls",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config(cli.Options):
    """Measure speed against peers and store the outcome as a run."""

    suite: str
    """training, store, can, whitening, smoothing, jl, evidence, own, scale, dashboard, families or labs"""
    full: bool = False
    """the sizes of the README's table instead of quick ones"""


def run(config: Config) -> None:
    """Run one suite: print each row as it is measured, store all of them."""
    if config.suite not in SUITES:
        expected = ", ".join(SUITES)
        raise cli.InputError(f"unknown suite {config.suite!r}{cli.suggest(config.suite, SUITES)} (expected {expected})")
    module = importlib.import_module(f"jobs.benchmarks.{config.suite}")
    rows: Iterator[Mapping[str, Any]] = module.suite(full=config.full)
    with tracking.start(config, experiment="benchmark", task=config.suite, device="cpu") as tracked:
        print(f"on {processor()}")
        print(f"{'measured':<70} {'value':>10} {'unit':<10} {'ratio':>8} {'bar':<8} {'':<8}peer")
        judged = []
        for row in rows:
            print(_line(row), flush=True)
            judged += [row] if row.get("holds") is not None else []
            axes = {"suite": config.suite, "name": row["name"], "peer": row.get("peer") or ""}
            tracked.measure("benchmark", axes, **_figures(row))
            if "axes" in row:
                tracked.measure(str(row["table"]), row["axes"], **row["figures"])
        if judged:
            missed = "; ".join(row["name"] for row in judged if not row["holds"])
            held = sum(row["holds"] for row in judged)
            print(f"{held} of {len(judged)} bars hold{'; missed: ' * bool(missed)}{missed}")
        document = getattr(module, "document", None)
        if document is not None:
            path = tracked.folder / f"{config.suite}.md"
            path.write_text(document(), encoding="utf-8")
            tracked.artifact(path.name, "report", path)
            print(f"table: {path}")


def processor() -> str:
    """Model of the processor and the cores that this process may use: ratios differ between makers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {cores} cores"


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float(row[key]) for key in ("value", "ratio") if row.get(key) is not None}


def _line(row: Mapping[str, Any]) -> str:
    value = "" if row.get("value") is None else f"{row['value']:,.4g}"
    ratio = "" if row.get("ratio") is None else f"{row['ratio']:.2f}"
    name, unit, bar, peer = row["name"], row.get("unit") or "", row.get("bar") or "", row.get("peer") or ""
    verdict = {None: "", True: "pass", False: "MISSED"}[row.get("holds")]
    return f"{name:<70} {value:>10} {unit:<10} {ratio:>8} {bar!s:<8} {verdict:<8}{peer}".rstrip()


if __name__ == "__main__":
    cli.main(__doc__, (Config, run))
