"""What flags mean now, where they meant something else when the first config hashes were made.

A config hash is made of the flags as they were given, so it does not see that a default or a formula has changed. What
has changed is listed here and goes into the hash besides: runs from before keep their hash, later ones get another, and
the two are never pooled as seeds of one experiment. Where nothing has changed nothing is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.clue import settings

if TYPE_CHECKING:
    from engine.text.tasks import TaskSpec
    from jobs.clue.config import Config

FIRST_RATES = {"tiny": {1e-3}, "blog": {5e-4}, "lora": {3e-4}, "pretrained": {2e-5, 1e-4}}
FIRST_UPDATES, FIRST_TOKENS = 1500, 1_500_000


def changed(given: Config, settled: Config, spec: TaskSpec) -> str:
    """The changes that concern a run, as text for its hash; empty where its flags mean what they always did."""
    found = []
    if given.model != "ngram":
        rate = settled.learning_rate
        if given.learning_rate is None and rate not in FIRST_RATES[_rated_as(given)]:
            found.append(f"learning_rate {rate:g}")
        wanted = (settings.UPDATES_WANTED, settings.TOKENS_WANTED)
        if given.epochs is None and given.recipe != "blog" and wanted != (FIRST_UPDATES, FIRST_TOKENS):
            found.append(f"epochs for {wanted[0]} updates or {wanted[1]} tokens")
        if given.rdrop:
            found.append("rdrop beside the mean of both losses")
    if spec.version > 1 and not spec.own:
        found.append(f"version {spec.version} of {spec.name}")
    return "; ".join(found)


def _rated_as(given: Config) -> str:
    if given.recipe == "blog":
        return "blog"
    if given.model == "tiny":
        return "tiny"
    return "lora" if given.lora else "pretrained"
