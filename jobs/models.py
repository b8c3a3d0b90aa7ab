"""Find, check and load encoders: `tiny` from scratch, a local folder, or a name on the model hub.

Only BERT-type checkpoints in safetensors are read; nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import cli

if TYPE_CHECKING:
    from engine.model.encoders import BertEncoder, EncoderConfig
    from engine.text.tokenizer import WordPiece

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
    "uer/chinese_roberta_L-2_H-128",
    "uer/chinese_roberta_L-4_H-512",
    "uer/chinese_roberta_L-12_H-768",
)
"""Names suggested when another one is not found; any BERT-type name of the hub can be given."""
ALIASES = {"bert-base-chinese": "google-bert/bert-base-chinese"}
HUB_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", "vocab.txt", "tokenizer_config.json"]
CONNECT_S = 3.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """An encoder with its tokenizer."""

    name: str
    encoder: BertEncoder
    tokenizer: WordPiece
    pretrained: bool


def check_name(model: str) -> None:
    """Refuse what is neither `tiny`, `ngram`, a folder nor a possible hub name, before any data are read."""
    if model in (TINY, NGRAM) or model in ALIASES:
        return
    if Path(model).is_dir():
        _check_kind(Path(model))
        _weight_files(Path(model))
        return
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    if looks_like_path or Path(model).exists():
        raise cli.InputError(f"--model {model}: no such folder")
    if "/" not in model:
        known = (TINY, NGRAM, *ALIASES, *HUB_NAMES)
        hint = cli.suggest(model, known)
        raise cli.InputError(f"unknown model {model!r}{hint} (expected tiny, ngram, a folder or a hub name like a/b)")


def load(
    model: str, *, texts: Callable[[], Iterable[str]] | None = None, seed: int = 42, activation: str = "gelu"
) -> Loaded:
    """Load `model`.

    Args:
        model: tiny, a folder, or a hub name.
        texts: gives the training texts whose characters are the vocabulary of `tiny`.
        seed: of the initial weights of `tiny`.
        activation: between the two layers of the perceptrons of `tiny`; other encoders have their own.

    Raises:
        InputError: one sentence that says what is missing or of another kind.
    """
    if model == TINY:
        if texts is None:
            raise cli.InputError("the tiny model has no weights of its own here; name a folder or a hub model")
        return tiny(texts(), seed=seed, activation=activation)
    check_name(model)
    folder = Path(model) if Path(model).is_dir() else fetch(ALIASES.get(model, model))
    return load_folder(folder, name=model)


def tiny(texts: Iterable[str], *, seed: int, activation: str = "gelu") -> Loaded:
    """A fresh encoder of 2 layers, 128 wide, over the characters of `texts`."""
    import torch

    from engine.model.encoders import BertEncoder, EncoderConfig
    from engine.text.tokenizer import WordPiece, build_vocabulary

    tokenizer = WordPiece(build_vocabulary(texts))
    with cli.input_errors("--activation"):
        shape = EncoderConfig(vocab_size=tokenizer.size, attention_dropout=0.0, activation=activation)
    encoder = BertEncoder(shape)
    encoder.initialize(torch.Generator().manual_seed(seed))
    return Loaded(TINY, encoder, tokenizer, pretrained=False)


def load_folder(folder: Path, *, name: str = "") -> Loaded:
    """Load a checkpoint folder with config.json, safetensors weights and vocab.txt."""
    from engine.model.encoders import BertEncoder, weights_from_hf

    config = read_config(folder)
    files = _weight_files(folder)
    tokenizer = read_tokenizer(folder)
    if tokenizer.size > config.vocab_size:
        raise cli.InputError(
            f"{folder}: vocab.txt has {tokenizer.size} tokens but the encoder {config.vocab_size} embeddings"
        )
    with cli.input_errors(str(folder)):
        weights = weights_from_hf(_read_tensors(files), config)
    encoder = BertEncoder(config)
    encoder.load_state_dict(weights)
    return Loaded(name or str(folder), encoder, tokenizer, pretrained=True)


def read_config(folder: Path) -> EncoderConfig:
    """Shape of the encoder in `folder`."""
    from engine.model.encoders import EncoderConfig

    raw = _check_kind(folder)
    try:
        return EncoderConfig.from_hf(raw)
    except (KeyError, TypeError) as error:
        raise cli.InputError(f"{folder / 'config.json'} lacks or misspells {error}") from error
    except ValueError as error:
        raise cli.InputError(f"{folder / 'config.json'}: {error}") from error


def read_tokenizer(folder: Path) -> WordPiece:
    """Tokenizer of the vocabulary in `folder`."""
    from engine.text.tokenizer import WordPiece

    path = folder / "vocab.txt"
    if not path.is_file():
        raise cli.InputError(f"{folder} has no vocab.txt")
    settings = folder / "tokenizer_config.json"
    lower = _read_json(settings).get("do_lower_case", True) if settings.is_file() else True
    with cli.input_errors(str(path)):
        vocabulary = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        return WordPiece([token.rstrip("\r") for token in vocabulary], lower=bool(lower))


def save_folder(folder: Path, encoder: BertEncoder, vocabulary: Sequence[str], *, lower: bool) -> None:
    """Write an encoder in the usual layout: config.json, model.safetensors, vocab.txt."""
    from safetensors.torch import save_file

    from engine.model.encoders import weights_to_hf

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(encoder.config.to_hf(), indent=2) + "\n")
    save_file(weights_to_hf(encoder), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}) + "\n")


def fetch(name: str) -> Path:
    """Folder of a hub model: from the local cache, else downloaded if the hub can be reached within seconds."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=HUB_FILES, local_files_only=True))
        if any(folder.glob("*.safetensors")) and (folder / "config.json").is_file():
            return folder
    except (LocalEntryNotFoundError, ValueError, OSError):
        pass
    hint = cli.suggest(name, HUB_NAMES)
    if not hub_is_reachable():
        raise cli.InputError(f"--model {name}: not in the local cache, and the model hub cannot be reached{hint}")
    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES, etag_timeout=CONNECT_S))
    except (HfHubHTTPError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise cli.InputError(f"--model {name}: not found on the model hub{hint} ({reason})") from error


def hub_is_reachable() -> bool:
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


def _check_kind(folder: Path) -> dict[str, Any]:
    """The config of a folder that says it holds a BERT-type model."""
    raw = _read_json(folder / "config.json")
    kind = raw.get("model_type", "bert")
    if kind != "bert":
        raise cli.InputError(f"{folder} is a {kind!r} model; expected a BERT-type encoder (model_type 'bert')")
    return raw


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        files = sorted({folder / name for name in _read_json(index).get("weight_map", {}).values()})
        missing = [path.name for path in files if not path.is_file()]
        if missing:
            raise cli.InputError(f"{folder} lacks {', '.join(missing)}, which its index names")
        return files
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.ckpt") for path in folder.glob(pattern))
    if pickled:
        raise cli.InputError(
            f"{folder} has only pickled weights ({pickled[0]}), which could run code when loaded; "
            "convert them to model.safetensors"
        )
    raise cli.InputError(f"{folder} has no weights (expected model.safetensors)")


def _read_tensors(files: Sequence[Path]) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    tensors: dict[str, Any] = {}
    for path in files:
        try:
            tensors.update(load_file(path))
        except SafetensorError as error:
            raise cli.InputError(f"{path} is damaged: {error}") from error
    return tensors


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise cli.InputError(f"{path.parent} has no {path.name}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise cli.InputError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise cli.InputError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def title(model: str) -> str:
    """What the model is called in the store: a folder's own name, else the name that was given."""
    return Path(model).resolve().name if Path(model).is_dir() else model
