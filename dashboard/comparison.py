"""What a comparison of runs says, as frames: configurations over seeds, config differences, paired evidence.

Runs that differ only in their seed share a config hash and are one *configuration*. Two configurations are compared on
the examples that both predicted (paired on example id and hash) and over their seeds; every test is `engine`'s.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine import evidence, intervals, power, seeds, verdict
from engine.metrics import cmrc_f1

Metric = Callable[[np.ndarray], np.ndarray]

KEY = ("example_id", "hash")
LEAST_OVERLAP = 0.95
"""Share of the smaller set of examples that both must have predicted."""


class NotComparable(ValueError):
    """Two configurations have too little in common for a paired test; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Runs of one config hash, one per seed."""

    name: str
    run_ids: tuple[str, ...]
    seeds: tuple[int | None, ...]


def configurations(runs: pl.DataFrame) -> list[Configuration]:
    """Group runs by config hash, in the order in which they come, with a name that tells them apart.

    Args:
        runs: rows of `runs`; run_id, config_hash, seed, model, recipe and task are used.
    """
    found = []
    for number, part in enumerate(runs.partition_by("config_hash", maintain_order=True)):
        words = list(dict.fromkeys(part[column][0] for column in ("model", "recipe") if part[column][0]))
        name = f"{_letter(number)}: {' '.join(words) or part['run_id'][0]}"
        found.append(Configuration(name, tuple(part["run_id"]), tuple(part["seed"])))
    return found


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"A{number - 25}"


def config_difference(params: pl.DataFrame, configs: Sequence[Configuration]) -> pl.DataFrame:
    """Parameters whose value is not the same in every configuration: parameter, then a column per configuration.

    Args:
        params: run_id, name, value (json text).
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
    return wide.filter(differs & ~pl.col("parameter").is_in(["seed", "tags", "note", "db"])).sort("parameter")


def metric_table(summary: pl.DataFrame, configs: Sequence[Configuration]) -> pl.DataFrame:
    """Mean over seeds of every summary metric: metric, configuration, n, mean, sd, low, high (95 %, Student's t).

    Values that are not finite are left out and show in n.
    """
    owner = {run_id: config.name for config in configs for run_id in config.run_ids}
    order = {config.name: number for number, config in enumerate(configs)}
    frame = summary.filter(pl.col("run_id").is_in(list(owner)), pl.col("value").is_finite())
    frame = frame.with_columns(configuration=pl.col("run_id").replace_strict(owner, return_dtype=pl.String))
    rows = []
    for (metric, name), part in frame.group_by("name", "configuration", maintain_order=True):
        estimate = intervals.mean_interval(part["value"].to_numpy())
        sd = part["value"].std() if part.height > 1 else None
        rows.append((metric, name, estimate.n, estimate.value, sd, _number(estimate.low), _number(estimate.high)))
    columns = ["metric", "configuration", "n", "mean", "sd", "low", "high"]
    schema = dict.fromkeys(columns, pl.Float64) | {"metric": pl.String, "configuration": pl.String, "n": pl.Int64}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.sort("metric", pl.col("configuration").replace_strict(order, return_dtype=pl.Int64, default=99))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Pairing:
    """Predictions of two configurations on the examples that both predicted."""

    frame: pl.DataFrame
    """example_id, hash, label, text, and for a and b: prediction and confidence of the first seed, `predictions`,
    `labels` and `rights` of all seeds as lists, `score`: the share of seeds that are right"""
    only_a: int
    only_b: int

    @property
    def n(self) -> int:
        """Examples that both predicted."""
        return self.frame.height

    def of_seeds(self, column: str, side: str) -> np.ndarray:
        """One of the list columns of side "a" or "b", (n, seeds)."""
        return np.array(self.frame[f"{column}_{side}"].to_list(), dtype=object).reshape(self.n, -1)


def pair(predictions_a: Sequence[pl.DataFrame], predictions_b: Sequence[pl.DataFrame]) -> Pairing:
    """Join the predictions of two configurations, one frame a seed.

    Raises:
        NotComparable: if a side has no predictions, no labels, or the rows overlap by less than 95 %.
    """
    left, right = _merged(predictions_a, "the first"), _merged(predictions_b, "the second")
    own = ("prediction", "confidence", "predictions", "labels", "rights", "score")
    right = right.drop("label", "text").rename({name: f"{name}_b" for name in own})
    joined = left.rename({name: f"{name}_a" for name in own}).join(right, on=KEY, how="inner", maintain_order="left")
    smaller = min(left.height, right.height)
    if joined.height < LEAST_OVERLAP * smaller or not smaller:
        raise NotComparable(
            f"the two predicted different examples: {joined.height:,} of {smaller:,} rows are the same, and a paired "
            f"test needs {LEAST_OVERLAP:.0%}"
        )
    return Pairing(joined, left.height - joined.height, right.height - joined.height)


def _merged(predictions: Sequence[pl.DataFrame], which: str) -> pl.DataFrame:
    """One row an example that every seed predicted, with the predictions of all seeds."""
    labelled = [frame.filter(pl.col("label").is_not_null() & (pl.col("label") != "")) for frame in predictions]
    if not labelled or any(frame.is_empty() for frame in labelled):
        raise NotComparable(f"{which} has a run without stored, labelled predictions of this split")
    first = labelled[0].select(*KEY, "label", "prediction", "confidence", "text")
    right = pl.col("label") == pl.col("prediction")
    stacked = pl.concat(
        [frame.select(*KEY, predictions="prediction", labels="label", rights=right) for frame in labelled]
    )
    lists = stacked.group_by(KEY, maintain_order=True).agg("predictions", "labels", "rights")
    complete = lists.filter(pl.col("rights").list.len() == len(labelled))
    complete = complete.with_columns(score=pl.col("rights").list.mean())
    return first.join(complete, on=KEY, maintain_order="left")


@dataclass(frozen=True, slots=True)
class Evidence:
    """B against A on one metric: the paired difference on examples, its test, and the comparison over seeds."""

    a: str
    b: str
    metric: str
    difference: intervals.Interval
    p_value: float
    test: str
    over_seeds: seeds.SeedComparison | None
    needed: str
    p_adjusted: float | None = None

    @property
    def p_decisive(self) -> float:
        """The corrected p-value where there is one, else the test's own."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted

    @property
    def sentence(self) -> str:
        """One plain sentence, by the decisive p-value."""
        return verdict.verdict(
            self.a, self.b, self.difference, p_value=self.p_decisive, metric=self.metric, seeds=self.over_seeds
        )


def compare_accuracy(
    a: Configuration, b: Configuration, pairing: Pairing, *, rng: np.random.Generator, resamples: int = 10_000
) -> Evidence:
    """Accuracy (exact match) of B minus A on the paired examples, mean over seeds."""
    scores = {side: pairing.of_seeds("rights", side).astype(float) for side in "ab"}
    return _compare_means(a, b, scores["a"], scores["b"], "accuracy", rng, resamples)


def compare_span_f1(
    a: Configuration, b: Configuration, pairing: Pairing, *, rng: np.random.Generator, resamples: int = 10_000
) -> Evidence:
    """Character F1 of CMRC2018 of B minus A; each prediction against the accepted answer stored with it."""
    scores = {}
    for side in "ab":
        labels, found = pairing.of_seeds("labels", side), pairing.of_seeds("predictions", side)
        flat = [cmrc_f1(label, answer) for label, answer in zip(labels.ravel(), found.ravel(), strict=True)]
        scores[side] = np.array(flat, dtype=float).reshape(labels.shape)
    return _compare_means(a, b, scores["a"], scores["b"], "F1", rng, resamples)


def _compare_means(
    a: Configuration,
    b: Configuration,
    scores_a: np.ndarray,
    scores_b: np.ndarray,
    metric: str,
    rng: np.random.Generator,
    resamples: int,
) -> Evidence:
    """A metric that is a mean over examples, (n, seeds) scores a side.

    Right or wrong with one seed a side: exact McNemar test. Else a paired permutation test of the per-example mean, and
    beside it the comparison over seeds, which is the one that speaks of a new seed.
    """
    mean_a, mean_b = scores_a.mean(axis=1), scores_b.mean(axis=1)
    difference = evidence.paired_bootstrap(mean_a, mean_b, rng=rng, resamples=resamples)
    if scores_a.shape[1] == scores_b.shape[1] == 1 and metric == "accuracy":
        p_value, test = evidence.mcnemar_exact(mean_a, mean_b), "exact McNemar test"
    else:
        p_value, test = _permuted(mean_a[:, None], mean_b[:, None], _mean_of(len(mean_a)), rng, resamples)
    by_seed = scores_a.mean(axis=0), scores_b.mean(axis=0)
    needed = _needed(difference, float(np.abs(mean_b - mean_a).mean()), *by_seed)
    return Evidence(a.name, b.name, metric, difference, p_value, test, _over_seeds(a, b, *by_seed), needed)


def compare_macro_f1(
    a: Configuration, b: Configuration, pairing: Pairing, *, rng: np.random.Generator, resamples: int = 2000
) -> Evidence:
    """Macro F1 of B minus A, the counts of several seeds summed: bootstrap and permutation test, both paired."""
    labels = pairing.frame["label"].to_numpy()
    outputs = {side: pairing.of_seeds("predictions", side) for side in "ab"}
    classes = sorted(set(labels) | set(outputs["a"].ravel()) | set(outputs["b"].ravel()))
    index = {name: number for number, name in enumerate(classes)}
    truth = np.array([index[name] for name in labels])
    counts = {side: _summed_counts(truth, outputs[side], index) for side in "ab"}
    metric = evidence.macro_f1_of_counts
    difference = evidence.paired_bootstrap_counts(counts["a"], counts["b"], metric, rng=rng, resamples=resamples)
    p_value, test = _permuted(counts["a"], counts["b"], metric, rng, resamples)
    return Evidence(a.name, b.name, "macro F1", difference, p_value, test, None, "")


def _summed_counts(truth: np.ndarray, outputs: np.ndarray, index: Mapping[str, int]) -> np.ndarray:
    per_seed = [
        evidence.class_counts(truth, np.array([index[name] for name in column]), n_classes=len(index))
        for column in outputs.T
    ]
    return np.sum(per_seed, axis=0, dtype=np.int16)


def compare_entity_f1(
    a: Configuration, b: Configuration, pairing: Pairing, *, rng: np.random.Generator, resamples: int = 2000
) -> Evidence:
    """Micro F1 over entities of B minus A, the counts of several seeds summed."""
    gold = [entity_cells(label) for label in pairing.frame["label"]]
    counts = {}
    for side in "ab":
        found = [[entity_cells(text) for text in row] for row in pairing.of_seeds("predictions", side)]
        counts[side] = np.array(
            [
                [sum(len(g & f) for f in fs), sum(len(f - g) for f in fs), sum(len(g - f) for f in fs)]
                for g, fs in zip(gold, found, strict=True)
            ]
        )
    metric = evidence.macro_f1_of_counts  # of one class, so the micro F1
    difference = evidence.paired_bootstrap_counts(counts["a"], counts["b"], metric, rng=rng, resamples=resamples)
    p_value, test = _permuted(counts["a"], counts["b"], metric, rng, resamples)
    return Evidence(a.name, b.name, "micro F1", difference, p_value, test, None, "")


def entity_cells(spelled: str) -> set[tuple[str, int, int]]:
    """Entities of a stored label or prediction `{type: {surface: [[start, end], ...]}}` as (type, start, end)."""
    nested = json.loads(spelled) if spelled.startswith("{") else {}
    return {(kind, start, end) for kind, surfaces in nested.items() for at in surfaces.values() for start, end in at}


def with_holm(found: Sequence[Evidence]) -> list[Evidence]:
    """Holm's correction over several comparisons; a single one stays as it is."""
    if len(found) < 2:
        return list(found)
    adjusted = evidence.holm([item.p_value for item in found])
    return [replace(item, p_adjusted=float(p)) for item, p in zip(found, adjusted, strict=True)]


def _permuted(
    counts_a: np.ndarray, counts_b: np.ndarray, metric: Metric, rng: np.random.Generator, resamples: int
) -> tuple[float, str]:
    result = evidence.permutation_test_counts(counts_a, counts_b, metric, rng=rng, resamples=resamples)
    return result.p_value, f"paired permutation test, {resamples:,} swaps"


def _mean_of(n: int) -> Metric:
    return lambda sums: sums[:, 0] / n


def _over_seeds(
    a: Configuration, b: Configuration, scores_a: np.ndarray, scores_b: np.ndarray
) -> seeds.SeedComparison | None:
    if len(scores_a) < 2 or len(scores_b) < 2:
        return None
    shared = [seed for seed in a.seeds if seed is not None and seed in b.seeds]
    if len(shared) == len(a.seeds) == len(b.seeds):
        order = [b.seeds.index(seed) for seed in a.seeds]
        return seeds.compare_seeds(scores_a, scores_b[order], paired=True, rng=np.random.default_rng(0))
    return seeds.compare_seeds(scores_a, scores_b, paired=False)


def _needed(difference: intervals.Interval, disagreement: float, scores_a: np.ndarray, scores_b: np.ndarray) -> str:
    """How many examples or seeds would show a difference of the size seen, with a power of 80 %."""
    if difference.value == 0:
        return "The two do not differ here, so no number of examples would show a difference of this size."
    examples = power.examples_needed(difference.value, max(disagreement, abs(difference.value)))
    text = f"To see a difference of this size with a power of 80 % takes about {examples:,} examples"
    gaps = scores_b - scores_a if len(scores_a) == len(scores_b) > 1 else np.zeros(1)
    if len(gaps) > 1 and gaps.mean() and gaps.std(ddof=1):
        try:
            text += f", or {power.seeds_needed(float(gaps.mean()), float(gaps.std(ddof=1))):,} seeds of each"
        except ValueError:
            text += ", or more seeds than anyone has"
    return text + f" (here: {difference.n:,} examples, {len(scores_a)} and {len(scores_b)} seeds)."


def parameter_values(params: pl.DataFrame) -> pl.DataFrame:
    """Parameters as one typed column each: run_id, then numbers where every value is a number, else text."""
    wide = params.pivot("name", index="run_id", values="value")
    return wide.with_columns(_typed(wide[name]) for name in wide.columns if name != "run_id")


def _typed(values: pl.Series) -> pl.Series:
    plain = [None if value is None else json.loads(value) for value in values]
    present = [value for value in plain if value is not None]
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pl.Series(values.name, plain, dtype=pl.Float64, strict=False)
    texts = [None if value is None else json.dumps(value, ensure_ascii=False).strip('"') for value in plain]
    return pl.Series(values.name, texts, dtype=pl.String)
