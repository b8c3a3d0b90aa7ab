"""A dev split where a task has none: stratified by label, the same texts on one side, the same every time.

Rows with exactly the same text (of spans and choices: the same passage) form a group. Within each class the groups are
ordered by the sha256 of their text, and the first ones that hold the share of rows become dev; so the split depends on
the data alone, and rows that are added later move no other row between the sides but at the border.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from engine.text.tasks import Example, TaskSpec
from jobs.cli import InputError


def split(spec: TaskSpec, examples: Sequence[Example], share: float) -> tuple[list[int], list[int]]:
    """Indices of the training and of the dev rows, each in order.

    Raises:
        InputError: if there are too few rows to hold any out.
    """
    if not 0 < share < 1:
        raise InputError(f"dev_share must lie between 0 and 1, got {share:g}")
    groups: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(examples):
        groups[_text(spec, example)].append(number)
    classes: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
    for text, rows in groups.items():
        label = examples[rows[0]].label if spec.kind in ("classification", "pair", "choice") else ""
        classes[str(label)].append((hashlib.sha256(text.encode()).hexdigest(), rows))
    whole = [member for members in classes.values() for member in members]
    dev = _held_out(list(classes.values()), share) or _held_out([whole], share)  # few large texts: not by class
    if not dev:
        what = "passages" if spec.kind in ("span", "choice") else "texts"
        raise InputError(
            f"{spec.name}: {len(examples)} rows with {len(groups)} different {what} "
            f"are too few to hold out {share:.0%} of each class as dev; name a dev file, or set dev_share higher"
        )
    return [i for i in range(len(examples)) if i not in dev], sorted(dev)


def _held_out(classes: Sequence[Sequence[tuple[str, list[int]]]], share: float) -> set[int]:
    """Rows of the first groups of each class that hold the share of its rows."""
    dev: set[int] = set()
    for members in classes:
        wanted = share * sum(len(rows) for _, rows in members)
        taken = 0
        for _, rows in sorted(members)[: len(members) - 1]:  # one group of every class stays in train
            if taken + len(rows) / 2 > wanted:
                if taken:
                    break
                continue  # one text that stands in many rows must not keep its class out of dev
            dev.update(rows)
            taken += len(rows)
    return dev


def _text(spec: TaskSpec, example: Example) -> str:
    fields = example.fields
    shared = spec.fields[0] if spec.kind in ("span", "choice") else ""  # several questions may ask about one text
    text = fields[shared] if shared else sorted(fields.items())
    return text if isinstance(text, str) else repr(text)
