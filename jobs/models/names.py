"""What `--model` may be: `tiny`, `ngram`, a folder, or a name on the model hub."""

from __future__ import annotations

from pathlib import Path

from jobs import cli
from jobs.models import hub
from jobs.models.config_file import read_config
from jobs.models.weight_files import weight_files

TINY, NGRAM = "tiny", "ngram"
HUB_NAMES = (
    "google-bert/bert-base-chinese",
    "hfl/chinese-bert-wwm-ext",
    "hfl/chinese-macbert-base",
    "hfl/chinese-macbert-large",
    "hfl/chinese-roberta-wwm-ext",
    "hfl/chinese-roberta-wwm-ext-large",
    "hfl/rbt3",
    "hfl/rbt6",
    "hfl/chinese-electra-180g-base-discriminator",
    "nghuyong/ernie-3.0-base-zh",
    "uer/chinese_roberta_L-2_H-128",
    "uer/chinese_roberta_L-4_H-512",
    "uer/chinese_roberta_L-12_H-768",
)
"""Names suggested when another one is not found; any encoder of the hub can be given."""
ALIASES = {"bert-base-chinese": "google-bert/bert-base-chinese"}


def check_name(model: str, *, flag: str = "--model") -> None:
    """Refuse what is neither `tiny`, `ngram`, a folder nor a possible hub name, before any data are read."""
    if model in (TINY, NGRAM) or model in ALIASES:
        return
    if Path(model).is_dir():
        read_config(Path(model))
        weight_files(Path(model))
        return
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    if looks_like_path or Path(model).exists():
        raise cli.InputError(f"{flag} {model}: no such folder")
    if "/" not in model:
        known = (TINY, NGRAM, *ALIASES, *HUB_NAMES)
        hint = cli.suggest(model, known)
        raise cli.InputError(f"unknown model {model!r}{hint} (expected tiny, ngram, a folder or a hub name like a/b)")


def folder_of(model: str, *, flag: str = "--model") -> Path:
    """The folder of a model: itself, or the one of its hub name in the local cache, fetched where it is not there."""
    if Path(model).is_dir():
        return Path(model)
    return hub.fetch(ALIASES.get(model, model), suggestions=HUB_NAMES, flag=flag)


def title(model: str) -> str:
    """What the model is called in the store: a folder's own name, else the name that was given."""
    return Path(model).resolve().name if Path(model).is_dir() else model
