"""The model hub: a folder with everything that loading needs, from the local cache or downloaded."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from jobs import cli
from jobs.text_lines import read_json

FILES = (
    "*.json",
    "*.safetensors",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*/config.json",
    "*/sentence_bert_config.json",
    "*/model.safetensors",
)
"""what is fetched; pickled weights only where a model has no others"""
PICKLED = ("pytorch_model*.bin", "*/pytorch_model.bin")
TOKENIZERS = ("vocab.txt", "tokenizer.json", "vocab.json", "*.model")
CONNECT_S = 3.0


def fetch(name: str, *, suggestions: Sequence[str] = (), flag: str = "--model") -> Path:
    """Folder of a hub model, whole: from the local cache, else completed or downloaded.

    Raises:
        InputError: if something is missing and the hub cannot be reached within seconds, or does not have the model.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    cached, lacking = None, ["everything"]
    try:
        cached = Path(snapshot_download(name, local_files_only=True))
        lacking = missing(cached)
    except (LocalEntryNotFoundError, ValueError, OSError):
        pass
    if cached is not None and not lacking:
        return cached
    hint = cli.suggest(name, suggestions)
    if not is_reachable():
        if cached is not None:
            raise cli.InputError(
                f"{flag} {name}: the local cache {cached} lacks {', '.join(lacking)}, and the model hub cannot be "
                "reached to complete it"
            )
        raise cli.InputError(f"{flag} {name}: not in the local cache, and the model hub cannot be reached{hint}")
    return _download(name, hint, flag)


def _download(name: str, hint: str, flag: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        folder = Path(snapshot_download(name, allow_patterns=list(FILES), etag_timeout=CONNECT_S))
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("*/model.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*FILES, *PICKLED], etag_timeout=CONNECT_S))
    except (HfHubHTTPError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise cli.InputError(f"{flag} {name}: not found on the model hub{hint} ({reason})") from error
    lacking = missing(folder)
    if lacking:
        raise cli.InputError(f"{flag} {name}: the model hub's folder lacks {', '.join(lacking)}")
    return folder


def missing(folder: Path) -> list[str]:
    """What a folder lacks of a model: config, tokenizer, weights and their shards, modules of sentence-transformers."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return _missing_of_encoder(folder)
    try:
        listed = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in read_json(modules)]
    except (TypeError, KeyError, ValueError, cli.InputError):
        return [f"a readable {modules.name}"]
    lacking = []
    for kind, place in listed:
        if kind == "Transformer":
            lacking += [str(Path(place) / name) for name in _missing_of_encoder(folder / place)]
        elif kind in ("Pooling", "Dense") and not (folder / place / "config.json").is_file():
            lacking.append(f"{place}/config.json")
        if kind == "Dense" and not any((folder / place).glob("*model.*")):
            lacking.append(f"{place}/model.safetensors")
    return lacking


def _missing_of_encoder(folder: Path) -> list[str]:
    lacking = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZERS):
        lacking.append("vocab.txt or tokenizer.json")
    indices = [path for path in folder.glob("*.index.json") if path.name.startswith(("model.", "pytorch_model."))]
    whole = [name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    if whole:
        return lacking
    for index in indices:
        try:
            names = set(read_json(index)["weight_map"].values())
        except (TypeError, KeyError, ValueError, cli.InputError):
            return [*lacking, f"a readable {index.name}"]
        return lacking + sorted(str(name) for name in names if not (folder / str(name)).is_file())
    return [*lacking, "model.safetensors"]


def is_reachable() -> bool:
    """Whether the hub answers within `CONNECT_S` seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes"):
        return False
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").split("//")[-1].split("/")[0]
    address, _, port = host.partition(":")
    try:
        socket.create_connection((address, int(port or 443)), timeout=CONNECT_S).close()
    except OSError:
        return False
    return True
