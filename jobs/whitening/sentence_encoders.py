"""What `--encoder` names, as an object that turns sentences into views (`engine.embeddings.pooling`).

| `--encoder` | what it is |
|---|---|
| `hashed`, `hashed:512` | counts of hashed byte trigrams, built in (128 buckets, or as many as named) |
| a folder or a hub name | an encoder, with its pooler where the file has one |
| the same of sentence-transformers | also its own pooling, dense and normalising modules, prompt and length: `native` |
| `run:ID`, or part of a run's id | the best checkpoint of a finished CLUE run |

Vectors made elsewhere (`.npy`) need no encoder: see `jobs.sentence_vectors`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.embeddings.pooling import POOLINGS, Pooling, View, parse_pooling, pool, reduce_tokens
from engine.embeddings.trigrams import hashed_trigrams
from engine.model.batches import make_units, sorted_batches
from jobs import cli
from jobs.models import loading, names, tokenizer_files
from jobs.whitening.sentence_modules import NativeModules, list_modules
from jobs.whitening.trained_encoder import load_encoder

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

    def __init__(self, loaded: Loaded, *, device: str, native: NativeModules) -> None:
        super().__init__(loaded, device=device)
        self.native = native
        self.poolings = (NATIVE, *self.poolings)
        self.fingerprint = hashlib.sha256((self.fingerprint + native.fingerprint).encode()).hexdigest()

    def parse(self, pooling: str) -> Pooling:
        """`native`, or any pooling of the encoder."""
        if pooling == NATIVE:
            return Pooling(NATIVE, self.native.views())
        return super().parse(pooling)

    def encode(
        self, texts: Sequence[str], views: Sequence[View], *, max_length: int, advance: Advance
    ) -> dict[View, np.ndarray]:
        """As for any encoder, but behind the folder's own prompt and up to its own greatest length."""
        length = self.native.max_length or max_length
        return super().encode(self.native.prepare(texts), views, max_length=length, advance=advance)

    def combine(self, pooling: Pooling, views: Mapping[View, np.ndarray]) -> np.ndarray:
        """The folder's own modules for `native`; else as for any encoder."""
        if pooling.name == NATIVE:
            return self.native(views)
        return super().combine(pooling, views)


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
    if kind != "run" and (Path(name).exists() or "/" in name or _is_model(name)):
        if not Path(name).is_dir():  # a folder of sentence-transformers has its config further down
            names.check_name(name, flag="--encoder")
        folder = Path(name) if name == names.TINY else names.folder_of(name, flag="--encoder")
        if (folder / "modules.json").is_file():
            return _sentence_transformer(folder, name, device)
        return BertSentences(loading.load(name), device=device)
    return BertSentences(load_encoder(width or name, db=db), device=device)


def only_native(pooling: str, name: str) -> Pooling:
    """The one pooling of vectors that have no hidden states."""
    if pooling != NATIVE:
        raise ValueError(f"{name} has no hidden states to pool with {pooling!r}: its only pooling is '{NATIVE}'")
    return Pooling(NATIVE, (NATIVE_VIEW,))


def _is_model(name: str) -> bool:
    return name in (names.TINY, *names.ALIASES)


def _device(name: str) -> str:
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _sentence_transformer(folder: Path, name: str, device: str) -> SentenceTransformer:
    bodies = [place for kind, place in list_modules(folder) if kind == "Transformer"]
    loaded = loading.load_folder(bodies[0] if bodies else folder, name=name)
    return SentenceTransformer(loaded, device=device, native=NativeModules(folder, layers=loaded.encoder.config.layers))


def _weights_fingerprint(loaded: Loaded, pooler: tuple[np.ndarray, ...] | None) -> str:
    digest = hashlib.sha256(tokenizer_files.fingerprint(loaded.tokenizer).encode())
    digest.update(str(sorted(loaded.encoder.config.to_dict().items())).encode())
    for name, tensor in sorted(loaded.encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(memoryview(tensor.cpu().contiguous().numpy()))
    for array in pooler or ():
        digest.update(array.tobytes())
    return digest.hexdigest()
