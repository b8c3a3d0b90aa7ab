"""What `--encoder` names, as an object that turns sentences into views (`engine.embeddings.pooling`).

| `--encoder` | what it is |
|---|---|
| `hashed`, `hashed:512` | counts of hashed byte trigrams, built in (128 buckets, or as many as named) |
| a folder or a hub name | a BERT-type checkpoint, with its pooler where the file has one |
| a sentence-transformers folder | the same, and its own pooling, dense and normalising modules as `native` |
| `run:ID`, or part of a run's id | the best checkpoint of a finished CLUE run |

Vectors made elsewhere (`.npy`) need no encoder: see `jobs.sentence_vectors`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engine.embeddings.pooling import POOLINGS, Pooling, View, parse_pooling, pool, reduce_tokens
from jobs import cli

if TYPE_CHECKING:
    from jobs.models.loading import Loaded

NATIVE = "native"
NATIVE_VIEW = View("native", 0)
HASHED = "hashed"
TOKENS_PER_BATCH = 4096
"""Tokens of a batch, padding counted: near the fastest on two cores as on a GPU."""

Advance = Callable[[int], None]


class SentenceEncoder(Protocol):
    """What makes sentence vectors."""

    name: str
    fingerprint: str
    """sha256 of everything that decides the vectors"""
    layers: int
    """transformer layers, 0 where there are none"""
    width: int
    """of the vectors (of `native`, where poolings differ, the encoder's own)"""
    poolings: tuple[str, ...]
    """what is evaluated where none is named"""

    def parse(self, pooling: str) -> Pooling:
        """The pooling of a name; ValueError where the encoder lacks it."""
        ...

    def encode(
        self, texts: Sequence[str], views: Sequence[View], *, max_length: int, advance: Advance
    ) -> dict[View, np.ndarray]:
        """Views (n, d) of the sentences; `advance` is told how many are done."""
        ...

    def combine(self, pooling: Pooling, views: Mapping[View, np.ndarray]) -> np.ndarray:
        """Sentence vectors (n, d) from the views of a pooling."""
        ...


class HashedEncoder:
    """The built-in embedding."""

    layers = 0
    poolings: tuple[str, ...] = (NATIVE,)

    def __init__(self, width: int = 128) -> None:
        self.width = width
        self.name = HASHED if width == 128 else f"{HASHED}:{width}"
        self.fingerprint = self.name

    def parse(self, pooling: str) -> Pooling:
        """Only `native`."""
        return only_native(pooling, self.name)

    def encode(
        self, texts: Sequence[str], views: Sequence[View], *, max_length: int, advance: Advance
    ) -> dict[View, np.ndarray]:
        """Counts of hashed trigrams (n, width); sentences are not cut."""
        from engine.embeddings.trigrams import hashed_trigrams

        vectors = hashed_trigrams(texts, width=self.width)
        advance(len(texts))
        return {NATIVE_VIEW: vectors}

    def combine(self, pooling: Pooling, views: Mapping[View, np.ndarray]) -> np.ndarray:
        """The counts as they are."""
        return views[NATIVE_VIEW]


class BertSentences:
    """A BERT-type encoder whose hidden states are pooled."""

    def __init__(self, loaded: Loaded, *, device: str = "cpu") -> None:
        self.name = loaded.name
        self.model = loaded.encoder.to(device).eval()
        self.tokenizer = loaded.tokenizer
        self.device = device
        self.layers = loaded.encoder.config.layers
        self.width = loaded.encoder.config.hidden_size
        self.pooler = loaded.pooler
        self.poolings: tuple[str, ...] = tuple(name for name in POOLINGS if name != "pooler" or self.pooler)
        self.fingerprint = _weights_fingerprint(loaded, self.pooler)

    def parse(self, pooling: str) -> Pooling:
        """Any pooling of `engine.embeddings.pooling`."""
        return parse_pooling(pooling, layers=self.layers, pooler=self.pooler is not None)

    def encode(
        self, texts: Sequence[str], views: Sequence[View], *, max_length: int, advance: Advance
    ) -> dict[View, np.ndarray]:
        """Run the encoder over batches of sentences of similar length."""
        import torch

        from engine.model.batches import make_units, sorted_batches
        from engine.model.encoders import Packed

        tokens, lengths = self._tokenise(texts, max_length)
        starts = np.cumsum(lengths) - lengths
        units = make_units(lengths, np.arange(len(lengths)), grouped=False)
        width = self.model.config.hidden_size
        found = {view: np.empty((len(texts), width), np.float32) for view in views}
        with torch.inference_mode():
            for batch in sorted_batches(units, tokens_per_batch=TOKENS_PER_BATCH):
                cells = np.concatenate([np.arange(starts[row], starts[row] + lengths[row]) for row in batch])
                packed = Packed.of(tokens[cells], lengths[batch], device=self.device)
                states = self.model.hidden_states(packed)
                for view in views:
                    state = states[view.layer].float().cpu().numpy()
                    found[view][batch] = reduce_tokens(state, lengths[batch], kind=view.kind)
                advance(len(batch))
        return found

    def combine(self, pooling: Pooling, views: Mapping[View, np.ndarray]) -> np.ndarray:
        """Average the views; the pooler's dense layer where the pooling has it."""
        return pool(pooling, views, dense=self.pooler)

    def _tokenise(self, texts: Sequence[str], max_length: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of all rows one after the other, with [CLS] and [SEP], and the length of each."""
        begin, end = self.tokenizer.begin, self.tokenizer.end
        room = min(max_length, self.model.config.longest) - len(begin) - len(end)
        rows = [begin + tokens.ids[:room] + end for tokens in self.tokenizer.encode(texts)]
        lengths = np.array([len(row) for row in rows], np.int64)
        return np.fromiter((token for row in rows for token in row), np.int32, int(lengths.sum())), lengths


class SentenceTransformer(BertSentences):
    """A sentence-transformers folder: the encoder, and `native` for its own pooling and what follows it."""

    def __init__(self, folder: Path, loaded: Loaded, *, device: str, native: NativeModules) -> None:
        super().__init__(loaded, device=device)
        self.native = native
        self.name = str(folder)
        self.poolings = (NATIVE, *self.poolings)
        self.fingerprint = hashlib.sha256((self.fingerprint + native.fingerprint).encode()).hexdigest()

    def parse(self, pooling: str) -> Pooling:
        """`native`, or any pooling of the encoder."""
        if pooling == NATIVE:
            return Pooling(NATIVE, tuple(View(kind, self.layers) for kind in self.native.kinds))
        return super().parse(pooling)

    def combine(self, pooling: Pooling, views: Mapping[View, np.ndarray]) -> np.ndarray:
        """Concatenate the pooled tokens and apply the modules for `native`; else as for any encoder."""
        if pooling.name == NATIVE:
            return self.native(np.concatenate([views[view] for view in pooling.views], axis=1))
        return super().combine(pooling, views)


class NativeModules:
    """Pooling, dense and normalising modules of a sentence-transformers folder."""

    def __init__(self, folder: Path, modules: Sequence[Mapping[str, Any]]) -> None:
        self.kinds: tuple[str, ...] = ()
        self.steps: list[tuple[str, Any]] = []
        for module in modules:
            kind, place = str(module["type"]).rpartition(".")[2], folder / str(module["path"])
            if kind == "Pooling":
                self.kinds = _pooling_kinds(place / "config.json")
            elif kind == "Dense":
                self.steps.append((kind, _dense(place)))
            elif kind == "Normalize":
                self.steps.append((kind, None))
            elif kind not in ("Transformer", "Dropout"):
                raise cli.InputError(f"{folder}: modules of type {kind} cannot be read")
        if not self.kinds:
            raise cli.InputError(f"{folder / 'modules.json'} names no Pooling module")
        digest = hashlib.sha256(json.dumps(self.kinds).encode())
        for kind, parts in self.steps:
            digest.update(kind.encode())
            for array in parts[:2] if parts else ():
                digest.update(array.tobytes())
        self.fingerprint = digest.hexdigest()

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Apply the steps to pooled tokens (n, d)."""
        from engine.embeddings.similarity import unit_rows

        for kind, parts in self.steps:
            if kind == "Normalize":
                vectors = unit_rows(vectors)
                continue
            weight, bias, activation = parts
            vectors = vectors @ weight.T + bias
            vectors = np.tanh(vectors) if activation == "Tanh" else vectors
        return vectors


def open_encoder(name: str, *, device: str = "auto", db: Path | None = None) -> SentenceEncoder:
    """The encoder that `--encoder` names.

    Raises:
        InputError: one sentence on what is missing or of another kind.
    """
    kind, _, width = name.partition(":")
    if kind == HASHED:
        if width and not (width.isdigit() and int(width) > 0):
            raise cli.InputError(f"--encoder {name}: expected a number of buckets such as hashed:512, got {width!r}")
        return HashedEncoder(int(width or 128))
    device = _device(device)
    folder = Path(name)
    if (folder / "modules.json").is_file():
        return _sentence_transformer(folder, device)
    if kind != "run" and (folder.exists() or "/" in name or _is_model(name)):
        from jobs.models import loading

        return BertSentences(loading.load(name), device=device)
    from jobs.whitening.trained_encoder import load_encoder

    return BertSentences(load_encoder(width or name, db=db), device=device)


def only_native(pooling: str, name: str) -> Pooling:
    """The one pooling of vectors that have no hidden states."""
    if pooling != NATIVE:
        raise ValueError(f"{name} has no hidden states to pool with {pooling!r}: its only pooling is '{NATIVE}'")
    return Pooling(NATIVE, (NATIVE_VIEW,))


def _is_model(name: str) -> bool:
    from jobs.models import names

    return name in (names.TINY, *names.ALIASES)


def _device(name: str) -> str:
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _sentence_transformer(folder: Path, device: str) -> SentenceTransformer:
    from jobs.models import loading

    modules = _read_json(folder / "modules.json")
    if not isinstance(modules, list) or not all(isinstance(m, dict) and {"type", "path"} <= m.keys() for m in modules):
        raise cli.InputError(f"{folder / 'modules.json'}: expected a list of modules with type and path")
    native = NativeModules(folder, modules)
    body = next((str(m["path"]) for m in modules if str(m["type"]).endswith(".Transformer")), "")
    return SentenceTransformer(
        folder, loading.load_folder(folder / body, name=str(folder)), device=device, native=native
    )


def _pooling_kinds(path: Path) -> tuple[str, ...]:
    config = _read_json(path)
    prefix = "pooling_mode_"
    modes = [key.removeprefix(prefix) for key, on in config.items() if key.startswith(prefix) and on is True]
    if isinstance(config.get("pooling_mode"), str):
        modes = [config["pooling_mode"]]
    known = {"cls_token": "cls", "cls": "cls", "mean_tokens": "mean", "mean": "mean", "max_tokens": "max", "max": "max"}
    unknown = [mode for mode in modes if mode not in known]
    if unknown or not modes:
        raise cli.InputError(f"{path}: expected cls, mean or max pooling, got {', '.join(unknown) or 'none'}")
    return tuple(known[mode] for mode in modes)


def _dense(folder: Path) -> tuple[np.ndarray, np.ndarray, str]:
    from safetensors.numpy import load_file

    config, path = _read_json(folder / "config.json"), folder / "model.safetensors"
    activation = str(config.get("activation_function", "Identity")).rpartition(".")[2]
    if activation not in ("Identity", "Tanh"):
        raise cli.InputError(f"{folder}: a dense module with {activation} cannot be read (Identity or Tanh)")
    if not path.is_file():
        raise cli.InputError(f"{folder} has no model.safetensors")
    tensors = load_file(path)
    weight = tensors["linear.weight"]
    return weight, tensors.get("linear.bias", np.zeros(len(weight), weight.dtype)), activation


def _weights_fingerprint(loaded: Loaded, pooler: tuple[np.ndarray, ...] | None) -> str:
    from jobs.models import tokenizer_files

    digest = hashlib.sha256(tokenizer_files.fingerprint(loaded.tokenizer).encode())
    digest.update(str(sorted(loaded.encoder.config.to_dict().items())).encode())
    for name, tensor in sorted(loaded.encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(memoryview(tensor.cpu().contiguous().numpy()))
    for array in pooler or ():
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise cli.InputError(f"{path.parent} has no {path.name}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise cli.InputError(f"{path}: {error}") from error
