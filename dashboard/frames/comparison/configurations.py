"""What a comparison of runs says, as frames: configurations over seeds, what differs in them, their metrics.

Runs that differ only in their seed share a config hash and are one *configuration*.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dashboard.figures import style, words
from dashboard.figures.runs import LARGEST
from dashboard.frames import name_order, stored_json
from dashboard.frames.comparison import unseen_scores
from dashboard.frames.runs import run_names
from engine.evidence import intervals
from engine.evidence.joint import LEAST_SEEDS
from engine.evidence.metrics import METRICS, metric_of

SUGGESTED_SEEDS = 5
"""Runs of each configuration that are suggested."""
NO_SETTINGS = (
    "seed",
    "seeds",
    "tags",
    "note",
    "db",
    "output",
    "data_dir",
    "device",
    "processes",
    "task",
    "model",
    "recipe",
)
"""Parameters that say nothing of how a model is trained, or stand in its name."""
MORE_IS_BETTER = tuple(name for name, metric in METRICS.items() if metric.higher_is_better)
"""Names of metrics, which scripts of one's own store without a split."""
UNSCORED = ("chance", "majority", "threshold")
"""Metrics of a split that are no score of the model: none of their values is the best."""


SIGNED = ("spearman",)
POSITIVE = ("loss", "ece", "brier", "nll", "perplexity")
"""Metrics that may be negative although they are fractions, and others that may not."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Runs of one config hash, one per seed."""

    name: str
    run_ids: tuple[str, ...]
    seeds: tuple[int | None, ...]
    color: str = style.MEASURED


def configurations(
    runs: pl.DataFrame,
    params: pl.DataFrame | None = None,
    colors: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> list[Configuration]:
    """Group runs by config hash, in the order in which they come, with a name that tells them apart.

    Args:
        runs: rows of `runs`; run_id, config_hash, seed, model, recipe and task are used.
        params: run_id, name, value (json text); where given, configurations of one model, recipe and task are named
            by their settings too.
        colors: config hash -> colour; None takes those that are free.
        names: run id -> name of a run; a configuration is called by what sets its name apart from the others'.
    """
    found = []
    special = {} if params is None or names is not None else _special_settings(runs, params)
    parts = runs.partition_by("config_hash", maintain_order=True)
    hashes = [str(part["config_hash"][0]) for part in parts]
    chosen = [colors[text] for text in hashes] if colors else style.run_colors(hashes)
    firsts = [part.row(0, named=True) for part in parts]
    if names is None:
        models = [words.together((row["model"], row["recipe"]), by=" ") or row["run_id"] for row in firsts]
        called = [words.together((own, special.get(row["run_id"]))) for own, row in zip(models, firsts, strict=True)]
    else:
        called = run_names.apart(firsts, names) if firsts else []
    for number, (part, color, name) in enumerate(zip(parts, chosen, called, strict=True)):
        lettered = f"{_letter(number)}: {name}"
        found.append(Configuration(lettered, tuple(part["run_id"]), tuple(part["seed"]), color))
    return found


def _special_settings(runs: pl.DataFrame, params: pl.DataFrame) -> dict[str, str]:
    """First run of a configuration -> the settings in which it leaves the others of its model, recipe and task."""
    firsts = runs.unique("config_hash", keep="first", maintain_order=True)
    told: dict[str, str] = {}
    for alike in firsts.partition_by("task", "model", "recipe", maintain_order=True):
        ids = alike["run_id"].to_list()
        values: dict[str, dict[str, str]] = {}
        for run_id, name, value in params.select("run_id", "name", "value").iter_rows():
            if run_id in ids and name not in NO_SETTINGS:
                values.setdefault(name, {})[run_id] = words.setting(value).replace(", ", "/")
        for name, of_run in sorted(values.items(), key=lambda item: name_order.key(item[0])):
            if len(of_run) < len(ids):  # a version that does not know the setting says nothing of it
                continue
            usual = Counter(of_run.values()).most_common(1)[0][0]
            for run_id, value in of_run.items():
                if value not in (usual, words.UNSET):
                    told[run_id] = words.together((told.get(run_id), f"{words.name(name)} {value}"))
    return told


def repeated_seeds(runs: pl.DataFrame) -> list[str]:
    """Ids of runs whose configuration and seed a newer one of these runs has too: the same experiment done again.

    Args:
        runs: rows of `runs`; run_id, config_hash, seed and started_at are used.
    """
    known = runs.filter(pl.col("seed").is_not_null()).sort("started_at", "run_id", descending=True)
    return known.filter(~pl.struct("config_hash", "seed").is_first_distinct())["run_id"].to_list()


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"A{number - 25}"


def suggest(runs: pl.DataFrame) -> list[str]:
    """Ids of runs worth comparing: the two newest configurations of one task, real data and several seeds first.

    Args:
        runs: rows of `runs`, newest first.
    """
    usable = runs.filter(pl.col("status") == "finished", pl.col("data_source").is_not_null(), experiment="clue")
    groups = usable.group_by("task", "data_source", "config_hash", maintain_order=True).agg(
        "run_id", n=pl.len(), newest=pl.col("started_at").max()
    )
    tasks = groups.group_by("task", "data_source", maintain_order=True).agg(
        pl.len().alias("configs"), fewest=pl.col("n").top_k(2).min(), newest=pl.col("newest").max()
    )
    best = tasks.filter(pl.col("configs") > 1).sort(
        pl.col("data_source") == "sample", pl.col("fewest") < 2, "newest", descending=[False, False, True]
    )
    if best.is_empty():
        return []
    chosen = groups.join(best.head(1).select("task", "data_source"), on=["task", "data_source"], how="semi")
    two = chosen.sort(pl.col("n") < 2, "newest", descending=[False, True]).head(2)
    return [run_id for ids in reversed(two["run_id"]) for run_id in sorted(ids)[:SUGGESTED_SEEDS]]


def config_difference(params: pl.DataFrame, configs: Sequence[Configuration]) -> pl.DataFrame:
    """Parameters whose value is not the same in every configuration: parameter, then a column per configuration.

    Args:
        params: run_id, name, value (json text); the values are written as people read them.
        configs: the columns; the first run of each speaks for it.
    """
    columns = {config.run_ids[0]: config.name for config in configs}
    wide = params.filter(pl.col("run_id").is_in(list(columns))).pivot("run_id", index="name", values="value")
    for run_id in columns:
        if run_id not in wide.columns:
            wide = wide.with_columns(pl.lit(None, pl.String).alias(run_id))
    wide = wide.select(pl.col("name").alias("parameter"), *[pl.col(i).alias(name) for i, name in columns.items()])
    names = list(columns.values())
    differs = pl.any_horizontal([pl.col(name).ne_missing(pl.col(names[0])) for name in names])
    found = wide.filter(differs & ~pl.col("parameter").is_in(["seed", "tags", "note", "db"])).sort("parameter")
    found = found.with_columns(pl.Series(name, [words.setting(text) for text in found[name]], dtype=pl.String)
                               for name in names)  # fmt: skip
    return found.filter(differs)  # unset and left out read the same


def metric_table(summary: pl.DataFrame, configs: Sequence[Configuration]) -> pl.DataFrame:
    """Mean over seeds of every summary metric: metric, configuration, n, mean, sd, low, high (95 %), diverged.

    Intervals (Student's t) that say nothing are left out (`possible`). Values that are not finite, or whose square is
    not, are no part of them and are counted as diverged.
    """
    owner = {run_id: config.name for config in configs for run_id in config.run_ids}
    order = {config.name: number for number, config in enumerate(configs)}
    frame = summary.filter(pl.col("run_id").is_in(list(owner)), pl.col("value").is_not_null())
    frame = frame.with_columns(configuration=pl.col("run_id").replace_strict(owner, return_dtype=pl.String))
    rows = []
    for metric, name, values in frame.group_by("name", "configuration", maintain_order=True).agg("value").iter_rows():
        kept = np.array([value for value in values if abs(value) < LARGEST])
        if not kept.size:
            continue
        estimate = intervals.mean_interval(kept)
        low, high = possible(metric, estimate)
        sd = pl.Series(kept).std() if kept.size > 1 else None
        rows.append((metric, name, estimate.n, estimate.value, sd, low, high, len(values) - kept.size))
    numbers, counts = ("mean", "sd", "low", "high"), {"n": pl.Int64, "diverged": pl.Int64}
    columns = ["metric", "configuration", "n", *numbers, "diverged"]
    schema = dict.fromkeys(columns, pl.String) | dict.fromkeys(numbers, pl.Float64) | counts
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.sort("metric", pl.col("configuration").replace_strict(order, return_dtype=pl.Int64, default=99))


def possible(metric: str, interval: intervals.Interval) -> tuple[float | None, float | None]:
    """Bounds of an interval over seeds; none of fewer than three seeds, or where it leaves what the metric can be.

    With two seeds Student's t is 12.7; a fraction lies in [0, 1], a correlation in [-1, 1], a loss is not negative.
    """
    kind, low, high = metric_of(metric), interval.low, interval.high
    least = -1.0 if kind.name in SIGNED else 0.0 if kind.fraction or kind.name in POSITIVE else -np.inf
    most = 1.0 if kind.fraction else np.inf
    if interval.n < LEAST_SEEDS or not least <= low <= high <= most:
        return None, None
    return _number(low), _number(high)


def is_score(metric: str) -> bool:
    """Whether a metric says how well a model does: `dev/accuracy`, `accuracy`, not `train/loss` or `dev/majority`."""
    split, _, name = metric.rpartition("/")
    return (split in ("dev", "test") or metric in MORE_IS_BETTER) and name not in UNSCORED


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A metric table as people read it: fractions in percent, mean, sd, n and interval as text.

    The mean on unseen rows (`unseen_scores.beside`) has a column where any configuration stored one.
    """
    beside = "unseen" in table.columns and table["unseen"].is_not_null().any()
    rows = [
        {
            "Metric": words.name(row["metric"]),
            "Configuration": row["configuration"],
            "Mean": words.value(row["metric"], row["mean"]),
            "± sd": words.value(row["metric"], row["sd"]).replace(" %", ""),
            "95 % over seeds": words.between(row["metric"], row["low"], row["high"]),
            **({unseen_scores.TITLE: words.value(row["metric"], row["unseen"])} if beside else {}),
            "Runs": row["n"],
        }
        | ({"Note": words.diverged(row["diverged"], row["n"])} if table["diverged"].sum() else {})
        for row in table.iter_rows(named=True)
    ]
    return pl.DataFrame(rows)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def parameter_values(params: pl.DataFrame) -> pl.DataFrame:
    """Parameters as one column each, unset ones null: run_id, then numbers where every value is one, else text."""
    wide = params.pivot("name", index="run_id", values="value")
    return wide.with_columns(_typed(wide[name]) for name in wide.columns if name != "run_id")


def _typed(values: pl.Series) -> pl.Series:
    """The values of one parameter; each different text is read once, because many runs share few."""
    texts = [text for text in values.unique().drop_nulls() if words.setting(text) != words.UNSET]
    if not texts:
        return pl.Series(values.name, [None] * len(values), dtype=pl.String)
    plain = [stored_json.read(text) for text in texts]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in plain):
        numbers = pl.Series(plain, dtype=pl.Float64, strict=False)
        return values.replace_strict(pl.Series(texts), numbers, default=None, return_dtype=pl.Float64)
    told = [words.setting(text) for text in texts]
    return values.replace_strict(texts, told, default=None, return_dtype=pl.String)
