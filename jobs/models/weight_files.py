"""The files with an encoder's tensors: safetensors or pickled, whole or in shards. Nothing but tensors is unpickled."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli
from jobs.models.config_file import read_json

if TYPE_CHECKING:
    from torch import Tensor

WHOLE = ("model.safetensors", "pytorch_model.bin")
OTHER = ("*.h5", "*.msgpack", "*.ckpt*", "*.pt", "*.pth", "*.onnx", "*.gguf", "*.pdparams", "*.bin", "*.safetensors")


def weight_files(folder: Path) -> list[Path]:
    """Files that hold the weights in `folder`, in the order in which transformers looks for them.

    Raises:
        InputError: if there are none, or an index names a file that is not there.
    """
    for name in WHOLE:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _shards(index)
    if (folder / "adapter_config.json").is_file():
        raise cli.InputError(f"{folder} holds an adapter without its encoder; merge the two and save the whole model")
    other = sorted(path.name for pattern in OTHER for path in folder.glob(pattern))
    found = f"; found {other[0]}" if other else ""
    raise cli.InputError(f"{folder} has no weights (expected model.safetensors or pytorch_model.bin{found})")


def _shards(index: Path) -> list[Path]:
    named = read_json(index).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise cli.InputError(f"{index}: expected a weight_map from tensors to files")
    outside = [name for name in named.values() if Path(str(name)).name != name]
    if outside:
        raise cli.InputError(f"{index} names {outside[0]!r}, which is not a file of its folder")
    files = sorted({index.parent / name for name in named.values()})
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise cli.InputError(f"{index.parent} lacks {', '.join(missing)}, which its index names")
    return files


def read_tensors(files: Sequence[Path]) -> dict[str, Tensor]:
    """All tensors of some files.

    Raises:
        InputError: if a file is damaged or holds anything else than tensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        tensors.update(_read_safetensors(path) if path.suffix == ".safetensors" else read_pickled(path))
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise cli.InputError(f"{path} is damaged: {error}") from error


def read_pickled(path: Path) -> dict[str, Tensor]:
    """Tensors of a pickled file; anything but tensors in it is refused before it is made.

    Raises:
        InputError: if the file is damaged or asks for code.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on the pickle's age
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise cli.InputError(f"{path} holds more than tensors, which could run code when loaded: refused") from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise cli.InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(isinstance(x, torch.Tensor) for x in content.values()):
        raise cli.InputError(f"{path}: expected a dictionary of tensors by name")
    return dict(content)
