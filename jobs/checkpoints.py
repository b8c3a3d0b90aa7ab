"""Checkpoint files: one safetensors file each, checksummed, written to the side and renamed.

The state of a training is nested dictionaries of tensors and plain values. Tensors are stored under their path
(`optimizer/3/exp_avg`), everything else as JSON in the header, together with a sha256 over both; so a file is either
whole or refused, whatever was killed when. What a process that was killed while it wrote left behind goes with the next
checkpoint of the run: one process writes a run at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli
from jobs.files import aside

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

BEST, LAST = "best.safetensors", "last.safetensors"


def save(path: Path, state: Mapping[str, Any], *, about: Mapping[str, Any]) -> None:
    """Write `state` (nested dictionaries of tensors and plain values) and `about` (plain values) to `path`.

    The tensors are all torch's, or all numpy arrays; writing arrays loads no torch.

    Raises:
        InputError: if the folder cannot be written or the disk is full; an older file at `path` is untouched.
    """
    tensors = {name: _at_rest(tensor) for name, tensor in _tensors(state)}
    arrays = not all(_is_torch(tensor) for tensor in tensors.values())
    document = json.dumps({"about": about, "state": _plain(state)}, ensure_ascii=False)
    header = {"document": document, "sha256": _digest(tensors, document)}
    try:
        with aside(path) as side:
            side.write_bytes(_serialized(tensors, header, arrays=arrays))
        for leftover in path.parent.glob(f".{path.name}.*"):
            if leftover.name.rpartition(".")[2].isdigit():
                leftover.unlink(missing_ok=True)
    except OSError as error:
        raise cli.InputError(f"{path}: the checkpoint cannot be written: {error.strerror}") from error


def load(path: Path, *, arrays_of: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read (state, about) of a checkpoint.

    Args:
        path: of the file.
        arrays_of: kinds of model, as `about` names them, whose tensors are wanted as numpy arrays; the others' are
            torch tensors. Reading arrays loads no torch.

    Raises:
        InputError: if the file is missing or is not exactly what was written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise cli.InputError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="np") as file:  # opening reads the header alone
            document = (file.metadata() or {})["document"]
        arrays = json.loads(document)["about"].get("kind") in arrays_of
        with safe_open(path, framework="np" if arrays else "pt") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        whole = header["sha256"] == _digest(tensors, document)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise cli.InputError(f"{path} is damaged or no checkpoint of a training ({error})") from error
    if not whole:
        raise cli.InputError(f"{path} is damaged: its checksum does not match")
    content = json.loads(document)
    return _join(content["state"], tensors), content["about"]


def _is_torch(value: Any) -> bool:
    return hasattr(value, "detach")  # asked without loading torch


def _is_tensor(value: Any) -> bool:
    import numpy as np

    return _is_torch(value) or isinstance(value, np.ndarray)


def _at_rest(tensor: Any) -> Any:
    """A tensor as it is written: in order, on the processor, without a gradient."""
    return tensor.detach().cpu().contiguous() if _is_torch(tensor) else tensor.copy(order="C")


def _serialized(tensors: dict[str, Any], header: dict[str, str], *, arrays: bool) -> bytes:
    if arrays:
        from safetensors import numpy

        return numpy.save(tensors, metadata=header)
    from safetensors import torch

    return torch.save(tensors, metadata=header)


def _tensors(state: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor | np.ndarray]]:
    for key, value in state.items():
        if isinstance(value, Mapping):
            yield from _tensors(value, f"{prefix}{key}/")
        elif _is_tensor(value):
            yield f"{prefix}{key}", value


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state without its tensors; a dictionary with integer keys is marked, because JSON has none."""
    plain = {
        str(key): _plain(value) if isinstance(value, Mapping) else value
        for key, value in state.items()
        if not _is_tensor(value)
    }
    if state and all(isinstance(key, int) for key in state):
        plain["__integer_keys__"] = True
    return plain


def _join(plain: Mapping[str, Any], tensors: Mapping[str, Tensor | np.ndarray]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for name, value in plain.items():
        if name != "__integer_keys__":
            joined[name] = _join(value, _below(tensors, name)) if isinstance(value, Mapping) else value
    for name, tensor in tensors.items():
        if "/" not in name:
            joined[name] = tensor
    return {int(name): value for name, value in joined.items()} if "__integer_keys__" in plain else joined  # type: ignore[misc]


def _below(tensors: Mapping[str, Tensor | np.ndarray], name: str) -> dict[str, Tensor | np.ndarray]:
    prefix = f"{name}/"
    return {path.removeprefix(prefix): tensor for path, tensor in tensors.items() if path.startswith(prefix)}


def _digest(tensors: Mapping[str, Any], document: str) -> str:
    """The same of tensors and of the arrays with their numbers."""
    digest = hashlib.sha256(document.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        if _is_torch(tensor):
            import torch

            kind, content = str(tensor.dtype), tensor.reshape(-1).view(torch.uint8).numpy()
        else:
            kind, content = f"torch.{tensor.dtype}", tensor.reshape(-1).view("u1")
        digest.update(f"{name} {kind} {tuple(tensor.shape)}".encode())
        if content.size:
            digest.update(content.data)
    return digest.hexdigest()
