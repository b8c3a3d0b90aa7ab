"""The table of tasks: what each one is, how large, and which data would be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.text.tasks import TASKS, TaskSpec
from jobs.clue.data import hub as clue_hub
from jobs.clue.data import sample
from jobs.clue.data import sources as clue_data

if TYPE_CHECKING:
    from jobs.clue.config import Config


def show(config: Config) -> None:
    """Print one line per task."""
    folder = clue_data.named_folder(config.data_dir)
    hub = folder is None and clue_hub.reachable()
    print(f"{'task':<12} {'kind':<15} {'metric':<9} {'train':>8} {'dev':>7}  tests")
    for spec in TASKS.values():
        tests = ", ".join(f"{test.version} ({test.rows:,})" for test in spec.tests)
        sizes = [f"{spec.sizes[split]:,}" if spec.sizes.get(split) else "" for split in ("train", "dev")]
        print(f"{spec.name:<12} {spec.kind:<15} {spec.metric:<9} {sizes[0]:>8} {sizes[1]:>7}  {tests}")
        print(f"{'':<12} {spec.chinese}; {where(spec, folder, hub=hub)}")


def where(spec: TaskSpec, folder: Path | None, *, hub: bool) -> str:
    """Which data a run of the task would read."""
    if folder is None:
        on_hub = hub and bool(spec.hub_config)
        sampled = "built-in sample" if sample.exists(spec.name) else "none (needs --data-dir)"
        return "data: the hub's clue/clue" if on_hub else f"data: {sampled}"
    found = clue_data.find(spec, folder)
    if found is None:
        return f"data: nothing in {folder}"
    names = [path.name for path in (*found.train, *found.dev, *found.tests)]
    missing = [split for split in ("train", "dev") if not getattr(found, split)]
    lacks = f" (no {' or '.join(missing)} file)" if missing else ""
    return f"data: {found.folder}: {', '.join(names)}{lacks}"
