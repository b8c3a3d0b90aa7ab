"""Checkpoint files: one safetensors file each, checksummed, written to the side and renamed.

The state of a training is nested dictionaries of tensors and plain values. Tensors are stored under their path
(`optimizer/3/exp_avg`), everything else as JSON in the header, together with a sha256 over both; so a file is either
whole or refused, whatever was killed when. What a process that was killed while it wrote left behind goes with the next
checkpoint of the run: one process writes a run at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli
from jobs.files import aside

if TYPE_CHECKING:
    from torch import Tensor

BEST, LAST = "best.safetensors", "last.safetensors"


def save(path: Path, state: Mapping[str, Any], *, about: Mapping[str, Any]) -> None:
    """Write `state` (nested dictionaries of tensors and plain values) and `about` (plain values) to `path`.

    Raises:
        InputError: if the folder cannot be written or the disk is full; an older file at `path` is untouched.
    """
    from safetensors.torch import save as serialize

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(state)}
    document = json.dumps({"about": about, "state": _plain(state)}, ensure_ascii=False)
    header = {"document": document, "sha256": _digest(tensors, document)}
    try:
        with aside(path) as side:
            side.write_bytes(serialize(tensors, metadata=header))
        for leftover in path.parent.glob(f".{path.name}.*"):
            if leftover.name.rpartition(".")[2].isdigit():
                leftover.unlink(missing_ok=True)
    except OSError as error:
        raise cli.InputError(f"{path}: the checkpoint cannot be written: {error.strerror}") from error


def load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read (state, about) of a checkpoint.

    Raises:
        InputError: if the file is missing or is not exactly what was written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise cli.InputError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        document = header["document"]
        whole = header["sha256"] == _digest(tensors, document)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise cli.InputError(f"{path} is damaged or no checkpoint of a training ({error})") from error
    if not whole:
        raise cli.InputError(f"{path} is damaged: its checksum does not match")
    content = json.loads(document)
    return _join(content["state"], tensors), content["about"]


def _tensors(state: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    import torch

    for key, value in state.items():
        if isinstance(value, Mapping):
            yield from _tensors(value, f"{prefix}{key}/")
        elif isinstance(value, torch.Tensor):
            yield f"{prefix}{key}", value


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state without its tensors; a dictionary with integer keys is marked, because JSON has none."""
    import torch

    plain = {
        str(key): _plain(value) if isinstance(value, Mapping) else value
        for key, value in state.items()
        if not isinstance(value, torch.Tensor)
    }
    if state and all(isinstance(key, int) for key in state):
        plain["__integer_keys__"] = True
    return plain


def _join(plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for name, value in plain.items():
        if name != "__integer_keys__":
            joined[name] = _join(value, _below(tensors, name)) if isinstance(value, Mapping) else value
    for name, tensor in tensors.items():
        if "/" not in name:
            joined[name] = tensor
    return {int(name): value for name, value in joined.items()} if "__integer_keys__" in plain else joined  # type: ignore[misc]


def _below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}/"
    return {path.removeprefix(prefix): tensor for path, tensor in tensors.items() if path.startswith(prefix)}


def _digest(tensors: Mapping[str, Tensor], document: str) -> str:
    import torch

    digest = hashlib.sha256(document.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
