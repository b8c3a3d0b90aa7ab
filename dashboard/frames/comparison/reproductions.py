"""Did runs here reproduce a published figure? One line a measured configuration, as a frame."""

from collections.abc import Mapping

import polars as pl

from dashboard.figures.leaderboard_table import same_model
from engine.evidence.reproduction import in_words
from engine.text.tasks import OFFICIAL_DEV


def reproductions(
    measured: pl.DataFrame,
    runs: pl.DataFrame,
    scores: pl.DataFrame,
    published: Mapping[str, float],
    sizes: Mapping[str, int],
) -> pl.DataFrame:
    """Every measured configuration on dev against the published figure of its task.

    Args:
        measured: row (the configuration's name), task, config_hash.
        runs: run_id, config_hash, seed, dev_fingerprint of finished runs; of a seed that ran twice the last one counts.
        scores: run_id and value, the task's metric on dev.
        published: task -> figure, a fraction.
        sizes: task -> examples of the official dev split.
    """
    of_seed = _last_of_each_seed(runs, scores)
    rows = []
    for name, task, config_hash in measured.select("row", "task", "config_hash").iter_rows():
        seeds = of_seed.filter(config_hash=config_hash)
        if task not in published or seeds.is_empty():
            continue
        rows.append((task, name, _told(task, seeds, published[task], sizes.get(task, 0))))
    return pl.DataFrame(rows, schema={"Task": pl.String, "Measured": pl.String, "Against the figure": pl.String},
                        orient="row").sort("Task", "Measured")  # fmt: skip


def reproduced_cells(
    measured: pl.DataFrame, runs: pl.DataFrame, scores: pl.DataFrame, papers: pl.DataFrame, sizes: Mapping[str, int]
) -> set[tuple[str, str]]:
    """(row, task) of the measured configurations that reproduce a published figure of the same model.

    Args:
        measured: row, task, model, config_hash.
        runs: as of `reproductions`.
        scores: as of `reproductions`.
        papers: task, model, value of published figures.
        sizes: task -> examples of the official dev split.
    """
    of_seed, found = _last_of_each_seed(runs, scores), set()
    for name, task, model, config_hash in measured.select("row", "task", "model", "config_hash").iter_rows():
        figures = [
            value
            for paper, value in papers.filter(task=task).select("model", "value").iter_rows()
            if same_model(model, paper)
        ]
        seeds = of_seed.filter(config_hash=config_hash) if figures else of_seed.clear()
        if not seeds.is_empty() and any(
            _told(task, seeds, value, sizes.get(task, 0)).startswith("Reproduced") for value in figures
        ):
            found.add((name, task))
    return found


def _last_of_each_seed(runs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    return runs.sort("run_id").unique(["config_hash", "seed"], keep="last").join(scores, on="run_id")


def _told(task: str, seeds: pl.DataFrame, figure: float, n_examples: int) -> str:
    return in_words(
        seeds["value"].to_numpy(),
        figure,
        n_examples=n_examples,
        fingerprints=seeds["dev_fingerprint"],
        official=OFFICIAL_DEV.get(task),
    )
