"""Evidence for a page: configurations read, paired and compared, each once, and what keeps two from it said."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import queries
from dashboard.frames import paired_predictions
from dashboard.frames.configurations import Configuration


@st.cache_resource(show_spinner=False, max_entries=64)
def pairing_of(
    version: str, split: str, a: Configuration, b: Configuration, unseen: bool
) -> paired_predictions.Pairing:
    """Predictions of two configurations on the rows that both have; NotComparable where there are too few."""
    read = queries.unseen_answers if unseen else queries.answers
    sides = [[read(version, run_id, split) for run_id in config.run_ids] for config in (a, b)]
    return paired_predictions.pair(*sides)


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


def gather(
    version: str,
    configs: Sequence[Configuration],
    tasks: Mapping[str, str],
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
    task = str(tasks[baseline.run_ids[0]])
    for config in (config for config in configs if config != baseline):
        why = f"{config.name} is not compared with {baseline.name}"
        if str(tasks[config.run_ids[0]]) != task:
            st.warning(f"{why}: {task} and {tasks[config.run_ids[0]]} are different tasks.", icon=":material/block:")
            continue
        answer = evidence_for(version, split, baseline, config, task, metric, unseen)
        if isinstance(answer, str):
            st.warning(f"{why}: {answer}.", icon=":material/block:")
            continue
        result, only_a, only_b = answer
        found.append(result)
        if only_a or only_b:
            st.caption(f"Without a partner: {only_a:,} rows of {baseline.name}, {only_b:,} rows of {config.name}.")
    return paired_predictions.with_holm(found)


def without_shared_rows(version: str, configs: Sequence[Configuration]) -> bool:
    """Warn, once for each data set, of runs trained on rows that they are evaluated on; whether to leave these out."""
    shared = {config.name: queries.shared_rows(version, config.run_ids[0]) for config in configs}
    for n in sorted({n for n in shared.values() if n}):
        names = ", ".join(name for name, rows in shared.items() if rows == n)
        st.warning(
            f"{n:,} dev rows of {names} have the same content as a training row; they favour whoever remembers them.",
            icon=":material/content_copy:",
        )
    return any(shared.values()) and st.toggle(
        "Only rows whose content is not in the training data", key="compare_unseen", bind="query-params"
    )
