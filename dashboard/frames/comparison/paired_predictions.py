"""Is configuration B better than A? Predictions paired example by example, tests of `engine`, one sentence.

Two configurations are compared on the examples that every run of both predicted (paired on example id and hash), and
over their seeds.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from dashboard.figures import words
from dashboard.frames.comparison.configurations import Configuration
from engine.evidence import intervals, joint, metrics, paired, power, seeds, verdict
from engine.evidence.metrics import Metric, cmrc_f1
from engine.text.tasks import Kind, TaskSpec

KEY = ["example_id", "hash"]
LEAST_OVERLAP = 0.95
"""Share of the smaller set of examples that both must have predicted."""


class NotComparable(ValueError):
    """Two configurations have too little in common for a paired test; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Predictions of two configurations on the n examples that all their runs predicted, in the same order."""

    a: tuple[pl.DataFrame, ...]
    """one frame a run: example_id, hash, label, prediction, confidence"""
    b: tuple[pl.DataFrame, ...]
    only_a: int
    only_b: int

    @property
    def n(self) -> int:
        """Examples that both predicted."""
        return self.a[0].height

    def rights(self, side: str) -> np.ndarray:
        """Whether each run of side "a" or "b" is right, (n, runs) of 0.0 and 1.0."""
        frames = self.a if side == "a" else self.b
        return np.column_stack([(frame["label"] == frame["prediction"]).to_numpy() for frame in frames]).astype(float)


def pair(
    predictions_a: Iterable[pl.DataFrame],
    predictions_b: Iterable[pl.DataFrame],
    *,
    names: tuple[str, str] = ("A", "B"),
) -> Pairing:
    """Bring the predictions of two configurations, one frame a run, to the rows that all of them have.

    Args:
        predictions_a: of the first.
        predictions_b: of the second; not asked for where the first has none.
        names: what a message calls the two.

    Raises:
        NotComparable: if a side has no predictions, no labels, or the rows overlap by less than 95 %.
    """
    left, right = _common(predictions_a, names[0]), _common(predictions_b, names[1])
    keys = _shared(left[0], right[0])
    smaller = min(left[0].height, right[0].height)
    if keys.height < LEAST_OVERLAP * smaller or not smaller:
        raise NotComparable(
            f"the two predicted different examples: {keys.height:,} of {smaller:,} rows are the same, and a paired "
            f"test needs {LEAST_OVERLAP:.0%}"
        )
    a, b = (tuple(ordered(frame, keys) for frame in frames) for frames in (left, right))
    return Pairing(a, b, left[0].height - keys.height, right[0].height - keys.height)


def _common(predictions: Iterable[pl.DataFrame], name: str) -> list[pl.DataFrame]:
    """The labelled rows that every run of one side predicted, in the order of the first."""
    labelled = [frame.filter(pl.col("label").is_not_null() & (pl.col("label") != "")) for frame in predictions]
    if not labelled or any(frame.is_empty() for frame in labelled):
        who = name if len(labelled) < 2 else f"a run of {name}"
        raise NotComparable(f"{who} stored no labelled predictions of this split")
    keys = labelled[0].select(KEY)
    for frame in labelled[1:]:
        keys = _shared(keys, frame)
    return [ordered(frame, keys) for frame in labelled]


def _shared(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Keys of the rows that both frames have, in the order of the left one."""
    keys = left.select(KEY)
    return keys if keys.equals(right.select(KEY)) else keys.join(right, on=KEY, how="semi", maintain_order="left")


def ordered(frame: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """The rows of a frame with these keys, in their order."""
    if frame.select(KEY).equals(keys):
        return frame
    return keys.join(frame, on=KEY, how="left", maintain_order="left")


@dataclass(frozen=True, slots=True)
class Evidence:
    """B against A on one metric: seeds and examples together, the scores of the seeds, and what would show more."""

    a: str
    b: str
    metric: str
    joint: joint.Joint
    test: str
    over_seeds: seeds.SeedComparison | None
    needed: str
    p_adjusted: float | None = None

    @property
    def difference(self) -> intervals.Interval:
        """The difference with the interval that the sentence rests on."""
        return self.joint.decisive

    @property
    def p_value(self) -> float:
        """The p-value of that interval, uncorrected."""
        return self.joint.p_value

    @property
    def p_decisive(self) -> float:
        """The corrected p-value where there is one, else the test's own."""
        return self.p_value if self.p_adjusted is None else self.p_adjusted

    @property
    def sentence(self) -> str:
        """One plain sentence, by the decisive p-value."""
        return verdict.verdict(
            self.a, self.b, self.difference, p_value=self.p_decisive, metric=self.metric, joint=self.joint
        )


def compare_accuracy(a: Configuration, b: Configuration, pairing: Pairing, *, title: str = "accuracy") -> Evidence:
    """Share of right answers of B minus A on the paired examples, mean over seeds; `title` is what a task calls it."""
    return _compare_means(a, b, pairing.rights("a"), pairing.rights("b"), title)


def compare_span_f1(a: Configuration, b: Configuration, pairing: Pairing) -> Evidence:
    """Character F1 of CMRC2018 of B minus A; each prediction against the accepted answer stored with it."""

    def scores(frames: Sequence[pl.DataFrame]) -> np.ndarray:
        return np.array(
            [[cmrc_f1(*row) for row in frame.select("label", "prediction").iter_rows()] for frame in frames]
        ).T

    return _compare_means(a, b, scores(pairing.a), scores(pairing.b), "F1")


def compare_macro_f1(a: Configuration, b: Configuration, pairing: Pairing) -> Evidence:
    """Macro F1 of B minus A, the mean of the F1 of each seed."""
    frames = [*pairing.a, *pairing.b]
    names = pl.concat([frame[column] for frame in frames for column in ("label", "prediction")]).unique()
    classes = pl.Enum(names.drop_nulls().sort())

    def counts(side: Sequence[pl.DataFrame]) -> list[np.ndarray]:
        codes = [[frame[column].cast(classes).to_physical() for column in ("label", "prediction")] for frame in side]
        return [paired.class_counts(*pair, n_classes=len(classes.categories)) for pair in codes]

    return _compare_counts(a, b, counts(pairing.a), counts(pairing.b), "macro F1")


def compare_entity_f1(a: Configuration, b: Configuration, pairing: Pairing) -> Evidence:
    """Micro F1 over entities of B minus A, the mean of the F1 of each seed."""
    gold = [entity_cells(label) for label in pairing.a[0]["label"]]

    def counts(side: Sequence[pl.DataFrame]) -> list[np.ndarray]:
        found = [[entity_cells(text) for text in frame["prediction"]] for frame in side]
        return [np.array([(len(g & f), len(f - g), len(g - f)) for g, f in zip(gold, fs, strict=True)]) for fs in found]

    return _compare_counts(a, b, counts(pairing.a), counts(pairing.b), "micro F1")


CLASSES: Kind = "classification"
"""taken for a task that is not known: equal answers are right ones"""
_COUNTED: Mapping[Metric, Callable[..., Evidence]] = {
    metrics.METRICS["macro_f1"]: compare_macro_f1,
    metrics.ENTITY_F1: compare_entity_f1,
}
"""the comparison of a metric of counts"""
_PER_EXAMPLE: Mapping[Metric, Callable[..., Evidence]] = {metrics.SPAN_F1: compare_span_f1}
"""the comparison of a mean over examples that is not the share of right answers"""


def metrics_of(spec: TaskSpec | None) -> Mapping[str, Metric]:
    """Title -> metric on which two runs on a task are compared, the task's own first."""
    found = list(metrics.metrics_of(spec.kind if spec else CLASSES))
    if spec:
        found.sort(key=lambda metric: metric.name != spec.metric)
    return {metric.title: metric for metric in found}


def comparison(metric: Metric) -> Callable[..., Evidence]:
    """The function that compares two configurations on a metric."""
    if metric.is_mean:
        return _PER_EXAMPLE.get(metric, partial(compare_accuracy, title=metric.title))
    return _COUNTED[metric]


def table(found: Sequence[Evidence]) -> pl.DataFrame:
    """One row a comparison: name, difference with bounds (fractions), n, p-values, probability of improvement."""
    rows = [
        {
            "name": item.b,
            "metric": item.metric,
            "value": item.difference.value,
            "low": item.difference.low,
            "high": item.difference.high,
            "n": item.difference.n,
            "test": item.test,
            "p": item.p_value,
            "p_holm": item.p_adjusted,
            "improvement": item.over_seeds.improvement.value if item.over_seeds else None,
            "improvement_low": item.over_seeds.improvement.low if item.over_seeds else None,
            "improvement_high": item.over_seeds.improvement.high if item.over_seeds else None,
        }
        for item in found
    ]
    numbers = dict.fromkeys(("p_holm", "improvement", "improvement_low", "improvement_high"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=numbers)


def readable(rows: pl.DataFrame) -> pl.DataFrame:
    """The table of comparisons as people read it: points, intervals as text."""
    several = rows["p_holm"].is_not_null().any()
    lines = [
        {
            "Configuration": row["name"],
            "Points": words.points(row["value"]),
            "95 % interval": f"{words.points(row['low'])} to {words.points(row['high'])}",
            "Examples": row["n"],
            "Test": row["test"],
            "p": f"{row['p']:.3g}",
            **({"p (Holm)": f"{row['p_holm']:.3g}"} if several else {}),
            "P(better) over seeds": words.UNSET
            if row["improvement"] is None
            else f"{row['improvement']:.2f} ({row['improvement_low']:.2f} to {row['improvement_high']:.2f})",
        }
        for row in rows.iter_rows(named=True)
    ]
    return pl.DataFrame(lines)


def entity_cells(spelled: str) -> set[tuple[str, int, int]]:
    """Entities of a stored label or prediction `{type: {surface: [[start, end], ...]}}` as (type, start, end)."""
    nested = json.loads(spelled) if spelled else {}
    return {(kind, start, end) for kind, surfaces in nested.items() for at in surfaces.values() for start, end in at}


def with_holm(found: Sequence[Evidence]) -> list[Evidence]:
    """Holm's correction over several comparisons; a single one stays as it is."""
    if len(found) < 2:
        return list(found)
    adjusted = paired.holm([item.p_value for item in found])
    return [replace(item, p_adjusted=float(p)) for item, p in zip(found, adjusted, strict=True)]


def _compare_means(
    a: Configuration, b: Configuration, scores_a: np.ndarray, scores_b: np.ndarray, metric: str
) -> Evidence:
    """A metric that is a mean over examples, (n, seeds) scores a side."""
    order = _matched(a, b)
    scores_b = scores_b[:, order or slice(None)]
    result = joint.compare_means(scores_a, scores_b, paired=order is not None)
    return _evidence(a, b, metric, result, scores_a.mean(axis=0), scores_b.mean(axis=0))


def _compare_counts(
    a: Configuration, b: Configuration, by_seed_a: Sequence[np.ndarray], by_seed_b: Sequence[np.ndarray], metric: str
) -> Evidence:
    """An F1 of summed (tp, fp, fn) counts, (n, 3 classes) a seed; one class gives the micro F1."""
    order, of_sums = _matched(a, b), paired.macro_f1_of_counts
    by_seed_b = by_seed_b if order is None else [by_seed_b[i] for i in order]
    result = joint.compare_counts(by_seed_a, by_seed_b, of_sums, paired=order is not None)
    f1_a, f1_b = (
        of_sums(np.array([counts.sum(axis=0, dtype=np.int64) for counts in by_seed]))
        for by_seed in (by_seed_a, by_seed_b)
    )
    return _evidence(a, b, metric, result, f1_a, f1_b)


def _evidence(
    a: Configuration, b: Configuration, metric: str, result: joint.Joint, of_a: np.ndarray, of_b: np.ndarray
) -> Evidence:
    """The comparison with what belongs beside it; of_a and of_b are the metric of each seed, in one order if paired."""
    over_seeds = None
    if min(result.seeds) > 1:
        n, rng = result.weights.n, np.random.default_rng(0)
        over_seeds = seeds.compare_seeds(of_a, of_b, paired=result.paired, n_examples=n, rng=rng)
    return Evidence(a.name, b.name, metric, result, result.test, over_seeds, _needed(result))


def _matched(a: Configuration, b: Configuration) -> list[int] | None:
    """Where each seed of A stands in B; None where the two did not run with the same seeds, each once."""
    if None in a.seeds or len(set(a.seeds)) < len(a.seeds) or sorted(map(str, a.seeds)) != sorted(map(str, b.seeds)):
        return None
    return [b.seeds.index(seed) for seed in a.seeds]


def _needed(result: joint.Joint) -> str:
    """How many examples or seeds would show a difference of the size seen, with a power of 80 %."""
    difference = result.decisive
    if difference.value == 0:
        return "The two do not differ here, so no number of examples would show a difference of this size."
    seeds_a, seeds_b = result.seeds
    here = f" (here: {difference.n:,} examples, {seeds_a} and {seeds_b} seeds)."
    aim = "To see a difference of this size with a power of 80 %"
    if not result.speaks_of_training or result.components is None:
        n = power.examples_needed(difference.value, result.mean_square)
        return f"{aim} between these trained models takes about {n:,} examples{here}"
    fewest, parts, matched = min(result.seeds), result.components, result.paired
    n_again = power.examples_needed_again(difference.value, parts, seeds=fewest, paired=matched)
    s_again = power.seeds_needed_again(difference.value, parts, examples=difference.n, paired=matched)
    examples = f"about {n_again:,} examples" if n_again else "more examples than there can be"
    more = f"{s_again:,} seeds of each" if s_again else "more seeds than anyone has"
    return f"{aim} after training again takes {examples} with {fewest} seeds of each, or {more} on these{here}"
