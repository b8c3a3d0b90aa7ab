"""Evidence for a page: configurations read, paired and compared, each pair once, and why two cannot be compared."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import tables, words
from dashboard.frames.comparison import paired_predictions, seed_votes, slice_candidates
from dashboard.frames.comparison.configurations import Configuration
from engine.evidence import slices


@st.cache_resource(show_spinner=False, max_entries=64)
def pairing_of(
    version: str, split: str, a: Configuration, b: Configuration, unseen: bool
) -> paired_predictions.Pairing:
    """Predictions of two configurations on the rows that both have; NotComparable where there are too few."""
    read = queries.unseen_answers_of if unseen else queries.answers_of

    def side(config: Configuration) -> Iterator[pl.DataFrame]:
        yield from read(version, config.run_ids, split)

    return paired_predictions.pair(side(a), side(b), names=(a.name, b.name))


@st.cache_resource(show_spinner="Comparing …", max_entries=256)
def evidence_for(
    version: str,
    split: str,
    a: Configuration,
    b: Configuration,
    task: str,
    metric: str,
    unseen: bool,
) -> tuple[paired_predictions.Evidence, int, int] | str:
    """Evidence of B against A on one split, and the rows that only one of them has; or why there is none."""
    try:
        pairing = pairing_of(version, split, a, b, unseen)
    except paired_predictions.NotComparable as error:
        return str(error)
    spec = queries.task_specs(version).get(task)
    compare = paired_predictions.comparison(paired_predictions.metrics_of(spec)[metric])
    return compare(a, b, pairing), pairing.only_a, pairing.only_b


@st.cache_resource(show_spinner="Looking for where they differ …", max_entries=64)
def slices_for(
    version: str, split: str, a: Configuration, b: Configuration, task: str, unseen: bool
) -> tuple[list[slices.Slice], dict[str, Mapping[str, str | list[str]]], int]:
    """Slices in which right answers differ, the filters that show each, and how many examples the two decide apart.

    Configurations that cannot be paired have none.
    """
    try:
        pairing = pairing_of(version, split, a, b, unseen)
    except paired_predictions.NotComparable:
        return [], {}, 0
    share_a, share_b = (pairing.rights(side).mean(axis=1) for side in "ab")
    rows = pairing.a[0]
    same = int(rows.select(paired_predictions.KEY).hash_rows().sum())
    found = candidates_of(version, split, a.run_ids[0], task, rows.height, same, rows)
    inside = {name: item.rows for name, item in found.items()}
    tested = slices.slices_that_differ(share_b - share_a, inside, rng=np.random.default_rng(0))
    return tested, {item.name: found[item.name].query for item in tested}, count_flips(pairing)


@st.cache_resource(show_spinner=False, max_entries=4)
def candidates_of(
    version: str, split: str, run_id: str, task: str, n: int, same: int, _rows: pl.DataFrame
) -> dict[str, slice_candidates.Candidate]:
    """Slices of a run's examples that are looked at, found once for all comparisons on the same examples.

    Args:
        version: of the store.
        split: dev or test.
        run_id: whose labels are in the rows.
        task: of the run.
        n: number of rows.
        same: a number that other examples do not have.
        _rows: example_id, hash, label.
    """
    shown = tables.with_class_titles(queries.with_texts(_rows, run_id, split), task)
    spec = queries.task_specs(version).get(task)
    return slice_candidates.candidates(shown, has_classes=spec is None or spec.kind in ("classification", "pair"))


def count_flips(pairing: paired_predictions.Pairing) -> int:
    """Examples that most seeds of one side get right and most of the other get wrong, as the Examples page has it."""
    sides = []
    for frames in (pairing.a, pairing.b):
        voted = seed_votes.votes(frames)
        sides.append(voted["label"] == voted["prediction"])
    return int((sides[0] != sides[1]).sum())


def gather(
    version: str,
    configs: Sequence[Configuration],
    tasks: Mapping[str, str | None],
    *,
    baseline: Configuration,
    split: str,
    metric: str,
    unseen: bool,
) -> list[paired_predictions.Evidence]:
    """Evidence of every other configuration against the baseline; the page says why where there is none.

    Args:
        version: of the store.
        configs: what is compared.
        tasks: run id -> task.
        baseline: one of the configurations.
        split: dev or test.
        metric: a title of `paired_predictions.metrics_of`.
        unseen: leave out rows that stand in the training data too.
    """
    found: list[paired_predictions.Evidence] = []
    task = tasks[baseline.run_ids[0]]
    for config in (config for config in configs if config != baseline):
        why = f"{config.name} is not compared with {baseline.name}"
        other = tasks[config.run_ids[0]]
        if other != task:
            both = f"{task} and {other} are different tasks" if task and other else "one of them names no task"
            st.warning(words.inline(f"{why}: {both}."), icon=":material/block:")
            continue
        answer = evidence_for(version, split, baseline, config, str(task), metric, unseen)
        if isinstance(answer, str):
            st.warning(words.inline(f"{why}: {answer}."), icon=":material/block:")
            continue
        result, only_a, only_b = answer
        found.append(result)
        if only_a or only_b:
            st.caption(
                words.inline(
                    f"Without a partner: {only_a:,} rows of {baseline.name}, {only_b:,} rows of {config.name}."
                )
            )
    return paired_predictions.with_holm(found)


def slices_together(
    version: str, split: str, a: Configuration, others: Sequence[Configuration], task: str, unseen: bool
) -> list[tuple[list[slices.Slice], dict[str, Mapping[str, str | list[str]]], int]]:
    """`slices_for` of several comparisons, their p-values corrected for all slices that the page shows."""
    found = [slices_for(version, split, a, b, task, unseen) for b in others]
    again = slices.corrected_together([tested for tested, _, _ in found])
    return [(tested, filters, flips) for tested, (_, filters, flips) in zip(again, found, strict=True)]


def families(comparisons: int, tested: int) -> str:
    """Which p-values of the page are corrected together, in one sentence; empty where nothing is corrected."""
    parts = [f"the {comparisons} comparisons"] * (comparisons > 1) + [f"the {tested} tests of slices"] * (tested > 1)
    return f"Corrected by Holm's method, each kind for itself: {' and '.join(parts)} on this page." if parts else ""


def without_shared_rows(version: str, configs: Sequence[Configuration]) -> bool:
    """Offer to leave out rows that stand in the training data of the runs too; whether the reader wants that."""
    most = max(queries.shared_rows(version, config.run_ids[0]) for config in configs)
    return bool(most) and st.toggle(
        f"Leave out the {most:,} rows that are in the training data too: runs that saw them in training score higher",
        key="compare_unseen",
        bind="query-params",
    )
