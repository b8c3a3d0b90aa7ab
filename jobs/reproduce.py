"""Say which published figures the stored runs reproduce, as a Markdown table.

    python -m jobs.reproduce                        # every finished configuration beside BERT-base
    python -m jobs.reproduce --against RoBERTa-wwm-ext --task cluewsc2020 c3

A configuration is compared on the official dev split alone (its fingerprint says so), by two one-sided tests over its
seeds with a margin of 0.5 points; at least three seeds are needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.text.tasks import OFFICIAL_DEV, TASKS
from jobs import cli

if TYPE_CHECKING:
    import polars as pl

HEAD = ("task", "measured here", "seeds", "here", "published", "outcome")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Hold finished runs against published dev scores."""

    against: str = "BERT-base"
    """published model, as the Leaderboard names it"""
    task: tuple[str, ...] = ()
    """tasks (default: all that have runs)"""
    margin: float = 0.5
    """points within which a score counts as reproduced"""
    db: Path | None = None
    """results database (default: $CLUEBOARD_DB, else results.duckdb in the project's root)"""


def run(config: Config) -> None:
    """Print the table."""
    import polars as pl

    from store import queries

    if not 0 < config.margin < 100:
        raise cli.InputError(f"--margin is in points, above 0 and below 100, got {config.margin:g}")
    for name in config.task:
        if name not in TASKS:
            raise cli.InputError(f"unknown task {name!r}{cli.suggest(name, TASKS)} (expected {', '.join(TASKS)})")
    queries.refresh(db=config.db)
    published = queries.published("clue", db=config.db).filter(pl.col("split") == "dev")
    if config.task:
        published = published.filter(pl.col("task").is_in(config.task))
    if published.is_empty():
        raise cli.InputError(f"no published dev score of {', '.join(config.task)}; the Leaderboard has those on test")
    figures = published.filter(pl.col("model") == config.against)
    if figures.is_empty():
        names = sorted(published["model"].unique())
        suggestion = cli.suggest(config.against, names)
        raise cli.InputError(f"no published dev score of {config.against!r}{suggestion} (there are {', '.join(names)})")
    wanted = config.task or tuple(TASKS)
    rows = [row for name in TASKS if name in wanted for row in of_task(name, figures.filter(task=name), config)]
    if not rows:
        raise cli.InputError("no finished run with a dev score on these tasks; start one with python -m jobs.clue")
    for cells in (HEAD, ("---",) * len(HEAD), *rows):
        print(f"| {' | '.join(cells)} |")


def of_task(name: str, figures: pl.DataFrame, config: Config) -> Iterator[tuple[str, ...]]:
    """A line for every finished configuration of a task and every figure of the published model."""
    import polars as pl

    from engine.evidence.reproduction import in_words
    from store import queries

    metric, size = TASKS[name].metric, TASKS[name].sizes.get("dev", 0)
    finished = queries.runs(db=config.db).filter(pl.col("experiment") == "clue", task=name, status="finished")
    scores = queries.summary(tuple(finished["run_id"]), db=config.db).filter(pl.col("name") == f"dev/{metric}")
    seeds = finished.filter(pl.col("data_source") != "sample").sort("run_id")
    seeds = seeds.unique(["config_hash", "seed"], keep="last", maintain_order=True).join(scores, on="run_id")
    for (_,), part in seeds.group_by("config_hash", maintain_order=True):
        here = part["value"].to_numpy()
        model = f"{part['model'][0]}, {part['recipe'][0] or ''}".rstrip(", ")
        for figure, variant in figures.filter(metric=metric).select("value", "variant").iter_rows():
            outcome = in_words(
                here,
                figure,
                n_examples=size,
                fingerprints=part["dev_fingerprint"],
                official=OFFICIAL_DEV.get(name),
                margin=config.margin / 100,
            )
            paper = f"{config.against} {100 * figure:.2f}" + (f" ({variant})" if variant else "")
            yield name, model, str(len(here)), f"{100 * here.mean():.2f}", paper, outcome


if __name__ == "__main__":
    cli.main(__doc__, (Config, run))
