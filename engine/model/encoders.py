"""A BERT encoder on packed rows, also for the families that differ from BERT only in their embeddings.

Devlin et al., 2019 (https://arxiv.org/abs/1810.04805), post-norm, as in the checkpoints everybody uses. Rows of
different lengths lie one after the other in a single (tokens, hidden) matrix, so that embeddings, linear layers and
norms never see padding; only the attention scores are computed on the rows padded to the longest of the batch. Segment
ids are all zero, also for pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.arrays import number, whole
from engine.smoothing.activations import activation_from_text

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": lambda x: functional.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
}


def find_activation(text: str) -> Callable[[Tensor], Tensor]:
    """The activation of that name: one of BERT's, or a smooth one such as `squareplus:0.5`.

    Raises:
        ValueError: if there is none.
    """
    return ACTIVATIONS[text] if text in ACTIVATIONS else activation_from_text(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What every encoder says of itself."""

    vocab_size: int
    hidden_size: int = 128
    layers: int = 2
    max_positions: int = 512
    position_offset: int = 0
    """position embeddings before that of the first token (RoBERTa)"""
    dropout: float = 0.1
    attention_dropout: float = 0.1
    initializer_range: float = 0.02
    family: str = "bert"
    """the model_type of its config.json"""
    causal: bool = False
    """whether a token sees only those before it"""
    segment_end: int = -1
    """token after whose first place in a row the rest is segment 1 (packed encoders); -1: all is segment 0"""

    @property
    def longest(self) -> int:
        """Most tokens of a row."""
        return self.max_positions - self.position_offset

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary; the class called with it gives the shape back."""
        return asdict(self)


class Encoder(nn.Module):
    """What heads, training and sentence vectors need of an encoder."""

    config: Shape
    words: nn.Embedding
    """embeddings of the tokens"""

    def hidden_states(self, packed: Packed) -> list[Tensor]:
        """Embedding output and the output of every layer, layers + 1 tensors (total, hidden)."""
        raise NotImplementedError

    def depth_of(self, name: str) -> int:
        """Depth of one of this module's parameters: 0 embeddings, 1..layers."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig(Shape):
    """Shape of a packed encoder; the defaults are the tiny one: 2 layers, 128 wide."""

    heads: int = 2
    intermediate_size: int = 512
    segments: int = 2
    norm_eps: float = 1e-12
    activation: str = "gelu"
    embedding_size: int = 0
    """width of the embeddings where it is not hidden_size (ELECTRA); 0: hidden_size"""
    task_types: int = 0
    """embeddings of tasks, of which the first is added to every token (ERNIE 2 and 3); 0: none"""

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "hidden_size", "layers", "heads", "intermediate_size", "max_positions", "segments")
        for name in sizes:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in ("dropout", "attention_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)!r}")
        if self.norm_eps < 0:
            raise ValueError(f"norm_eps must not be negative, got {self.norm_eps!r}")
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of {self.heads} heads")
        if not 0 <= self.position_offset < self.max_positions:
            raise ValueError(f"position_offset {self.position_offset} leaves none of {self.max_positions} positions")
        find_activation(self.activation)

    @property
    def embedding_width(self) -> int:
        """Width of the embeddings."""
        return self.embedding_size or self.hidden_size


@dataclass(frozen=True, slots=True)
class Packed:
    """Token rows of different lengths without padding."""

    tokens: Tensor  # int64 (total,)
    lengths: Tensor  # int64 (rows,)
    starts: Tensor  # int64 (rows,), position of each row's first token
    positions: Tensor  # int64 (total,), 0.. within each row
    longest: int
    cells: Tensor | None  # int64 (total,), place of each token among rows x longest; None if no row is shorter
    mask: Tensor | None  # bool (rows, 1, 1, longest), True at real tokens; None if no row is shorter

    @classmethod
    def of(cls, tokens: np.ndarray, lengths: np.ndarray, *, device: torch.device | str = "cpu") -> Packed:
        """From `tokens` (total,) of rows with `lengths` (rows,), all positive."""
        tokens = whole(tokens, name="tokens", shape=("total",), low=0)
        lengths = whole(lengths, name="lengths", shape=("rows",))
        if len(lengths) == 0 or lengths.min() < 1 or lengths.sum() != len(tokens):
            raise ValueError(f"expected positive lengths that add up to {len(tokens)} tokens, got {lengths}")
        starts = np.cumsum(lengths) - lengths
        positions = np.arange(len(tokens)) - np.repeat(starts, lengths)
        longest = int(lengths.max())
        cells = mask = None
        if int(lengths.min()) != longest:
            row_starts = np.repeat(np.arange(len(lengths)) * longest, lengths)
            cells = torch.from_numpy(row_starts + positions).to(device)
            mask = torch.from_numpy(np.arange(longest) < lengths[:, None])[:, None, None].to(device)

        def move(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array.astype(np.int64)).to(device)

        return cls(move(tokens), move(lengths), move(starts), move(positions), longest, cells, mask)

    def pad(self, x: Tensor) -> Tensor:
        """(total, d) -> (rows, longest, d), zeros after the end of each row."""
        shape = (len(self.lengths), self.longest, x.shape[-1])
        if self.cells is None:
            return x.view(shape)
        return x.new_zeros(shape[0] * shape[1], shape[2]).index_copy(0, self.cells, x).view(shape)

    def unpad(self, x: Tensor) -> Tensor:
        """(rows, longest, d) -> (total, d)."""
        flat = x.reshape(-1, x.shape[-1])
        return flat if self.cells is None else flat.index_select(0, self.cells)


def dropout(x: Tensor, share: float, *, training: bool) -> Tensor:
    """Dropout; on CPU from 16 random bits per element, which cost a third of what torch's own draws cost.

    There the share is rounded down to a multiple of 1 / 65536.
    """
    if not training or share == 0.0:
        return x
    if x.device.type != "cpu" or not 0.0 < share < 1.0:
        return functional.dropout(x, share, training)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)
    return x * ((bits >= int(share * 65536) - 32768) * torch.tensor(1.0 / (1.0 - share), dtype=x.dtype))


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, share: float) -> Tensor:
    """Scaled dot-product attention of (rows, heads, length, head_dim) tensors, with dropout of `share` of the weights.

    Torch's kernel for bfloat16 on CPU takes three times as long backwards as its three plain steps, so those are
    taken there.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or not query.requires_grad:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=share)
    with torch.autocast("cpu", enabled=False):
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return dropout(scores.softmax(-1), share, training=share > 0.0) @ value


class EncoderLayer(nn.Module):
    """Self-attention and a two-layer perceptron, each followed by a residual sum and a norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.heads
        self.dropout = config.dropout
        self.attention_dropout = config.attention_dropout
        self.activation = find_activation(config.activation)
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.up = nn.Linear(width, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, width)
        self.norm = nn.LayerNorm(width, eps=config.norm_eps)

    def forward(self, x: Tensor, packed: Packed, *, first_only: bool = False) -> Tensor:
        """(total, hidden) -> (total, hidden); `first_only`: -> (rows, hidden), the first token of each row alone."""
        if first_only:
            first = x.index_select(0, packed.starts)
            context, x = self._attend_first(first, x, packed), first
        else:
            context = self._attend(x, packed)
        x = self.attention_norm(x + dropout(self.attention_out(context), self.dropout, training=self.training))
        transformed = self.down(self.activation(self.up(x)))
        out: Tensor = self.norm(x + dropout(transformed, self.dropout, training=self.training))
        return out

    def _attend(self, x: Tensor, packed: Packed) -> Tensor:
        rows, longest = len(packed.lengths), packed.longest
        query, key, value = (
            packed.pad(self.qkv(x)).view(rows, longest, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )  # each (rows, heads, longest, head_dim)
        context = attention(query, key, value, packed.mask, self.attention_dropout if self.training else 0.0)
        return packed.unpad(context.transpose(1, 2).reshape(rows, longest, -1))

    def _attend_first(self, first: Tensor, x: Tensor, packed: Packed) -> Tensor:
        rows, width = first.shape
        (q, kv), (q_bias, kv_bias) = (
            torch.split(part, [width, 2 * width]) for part in (self.qkv.weight, self.qkv.bias)
        )
        query = functional.linear(first, q, q_bias).view(rows, self.heads, 1, -1)
        key, value = (
            packed.pad(functional.linear(x, kv, kv_bias))
            .view(rows, packed.longest, 2, self.heads, -1)
            .permute(2, 0, 3, 1, 4)
        )
        context = attention(query, key, value, packed.mask, self.attention_dropout if self.training else 0.0)
        return context.reshape(rows, width)


class BertEncoder(Encoder):
    """Embeddings and layers; the output is the last layer's after its norm, without a pooler."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config: EncoderConfig = config
        width = config.embedding_width
        self.words = nn.Embedding(config.vocab_size, width)
        self.positions = nn.Embedding(config.max_positions, width)
        self.segments = nn.Embedding(config.segments, width)
        if config.task_types:
            self.tasks = nn.Embedding(config.task_types, width)
        self.norm = nn.LayerNorm(width, eps=config.norm_eps)
        if width != config.hidden_size:
            self.widen = nn.Linear(width, config.hidden_size)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))

    @classmethod
    def shapes(cls, config: EncoderConfig) -> dict[str, tuple[int, ...]]:
        """Shape of every weight, without allocating any."""
        with torch.device("meta"):
            model: nn.Module = cls(config)
        return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}

    def initialize(self, generator: torch.Generator) -> None:
        """Draw all matrices from a normal distribution truncated at two standard deviations; biases are zero."""
        for module in self.modules():
            initialize_module(module, std=self.config.initializer_range, generator=generator)

    def forward(self, packed: Packed, *, first_only: bool = False) -> Tensor:
        """Hidden states of the last layer, (total, hidden).

        With `first_only` those of each row's first token, (rows, hidden): the same numbers for less work, because the
        last layer computes no other token.
        """
        *lower, last = self.layers
        x = self._embed(packed)
        for layer in lower:
            x = layer(x, packed)
        out: Tensor = last(x, packed, first_only=first_only)
        return out

    def hidden_states(self, packed: Packed) -> list[Tensor]:
        """Embedding output and the output of every layer, layers + 1 tensors (total, hidden)."""
        states = [self._embed(packed)]
        for layer in self.layers:
            states.append(layer(states[-1], packed))
        return states

    def encode_hidden(self, input_ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Hidden states of padded rows: ids and mask (batch, length) -> layers + 1 tensors (batch, length, hidden).

        The mask is 1 at the tokens of a row and 0 after its end; hidden states after the end are zero.
        """
        lengths = mask.long().sum(dim=1)
        inside = torch.arange(mask.shape[1], device=mask.device) < lengths[:, None]
        if not torch.equal(inside, mask.bool()):
            raise ValueError("the mask must be ones followed by zeros in every row")
        packed = Packed.of(input_ids[inside].cpu().numpy(), lengths.cpu().numpy(), device=input_ids.device)
        rest = input_ids.shape[1] - packed.longest
        return [functional.pad(packed.pad(state), (0, 0, 0, rest)) for state in self.hidden_states(packed)]

    def depth_of(self, name: str) -> int:
        """Depth of one of this module's parameters: 0 embeddings, 1..layers."""
        parts = name.split(".")
        return int(parts[1]) + 1 if parts[0] == "layers" else 0

    def _embed(self, packed: Packed) -> Tensor:
        config = self.config
        if packed.longest > config.longest:
            raise ValueError(f"a row has {packed.longest} tokens but the encoder {config.longest} positions")
        positions = packed.positions + config.position_offset if config.position_offset else packed.positions
        x = self.words(packed.tokens) + self.positions(positions)
        if config.segment_end < 0:
            x = x + self.segments.weight[0]
        else:
            x = x + self.segments(after_first(packed, config.segment_end))
        if config.task_types:
            x = x + self.tasks.weight[0]
        x = dropout(self.norm(x), config.dropout, training=self.training)
        return self.widen(x) if config.embedding_width != config.hidden_size else x


def after_first(packed: Packed, token: int) -> Tensor:
    """1 for the tokens of a row after the first `token` in it, else 0; int64 (total,)."""
    found = (packed.tokens == token).long()
    before = found.cumsum(0) - found  # in all rows up to here
    return (before - torch.repeat_interleave(before[packed.starts], packed.lengths) > 0).long()


def set_dropout(encoder: Encoder, share: float) -> None:
    """Give every dropout of an encoder, that of the attention included, the same share."""
    share = number(share, name="share", low=0, high=1)
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        elif isinstance(module, EncoderLayer):
            module.dropout = module.attention_dropout = share
    encoder.config = replace(encoder.config, dropout=share, attention_dropout=share)


def initialize_module(module: nn.Module, *, std: float, generator: torch.Generator) -> None:
    """Truncated normal matrices of standard deviation `std` before truncation, zero biases, unit norms."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.LayerNorm):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def parameter_depth(name: str, encoder: Encoder) -> int:
    """Depth of a parameter of a model with `encoder` and `head`: 0 embeddings, 1..layers, layers + 1 head."""
    if not name.startswith("encoder."):
        return encoder.config.layers + 1
    return encoder.depth_of(name.removeprefix("encoder."))
