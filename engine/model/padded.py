"""Any encoder of transformers behind the interface of the packed one, on padded rows: slower, and the same states.

`PaddedEncoder` takes a model that `AutoModel` made. It pads a batch (whose rows are of similar length), calls the model
with an attention mask, and gives the states of the real tokens back one row after the other. Two short passes
at the start find out what no config says reliably: whether a token sees those to its right, and whether padding
changes a row.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.model.encoders import Encoder, Packed, Shape

_LAYER = re.compile(r"\.(?:layers?|h|blocks?|transformer|albert_layer_groups)\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedConfig(Shape):
    """Shape of an encoder of transformers."""

    pad_id: int
    whole: dict[str, Any]
    """the config of transformers"""


class PaddedEncoder(Encoder):
    """A model of transformers on padded rows.

    Args:
        model: what `AutoModel` made; it takes token ids and gives hidden states.

    Raises:
        ValueError: if its states are not one vector a token, or change with the padding of other rows.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config: PaddedConfig = _shape(model)
        self.lora_rank = 0  # of low-rank adapters beside its linear layers; 0: none

    @property
    def words(self) -> nn.Embedding:  # type: ignore[override]
        """The embeddings of the tokens."""
        found: nn.Embedding = self.model.get_input_embeddings()
        return found

    def forward(self, packed: Packed, *, first_only: bool = False) -> Tensor:
        """Hidden states of the last layer, (total, hidden); `first_only`: those of each row's first token."""
        states = packed.unpad(self._run(packed).last_hidden_state)
        return states.index_select(0, packed.starts) if first_only else states

    def hidden_states(self, packed: Packed) -> list[Tensor]:
        """Embedding output and the output of every layer, layers + 1 tensors (total, hidden)."""
        return [packed.unpad(state) for state in self._run(packed, output_hidden_states=True).hidden_states]

    def depth_of(self, name: str) -> int:
        """Depth of one of this module's parameters: 0 embeddings, 1..layers."""
        found = _LAYER.search(f".{name}")
        if found:
            return int(found[1]) + 1
        return 0 if "embed" in name else self.config.layers

    def _run(self, packed: Packed, **options: Any) -> Any:
        if packed.longest > self.config.longest:
            raise ValueError(f"a row has {packed.longest} tokens but the encoder {self.config.longest} positions")
        ids, mask = padded(packed, self.config.pad_id)
        return self.model(input_ids=ids, attention_mask=mask, **options)


def padded(packed: Packed, pad_id: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask of packed rows, int64 (rows, longest)."""
    ids = packed.pad(packed.tokens[:, None])[..., 0]
    mask = torch.arange(packed.longest, device=ids.device) < packed.lengths[:, None]
    return ids.masked_fill(~mask, pad_id), mask.long()


def _shape(model: Any) -> PaddedConfig:
    config, words = model.config, model.get_input_embeddings()
    pad_id = config.pad_token_id if isinstance(config.pad_token_id, int) and config.pad_token_id >= 0 else 0
    states, causal = _probe(model, pad_id)
    positions, offset = _positions(model)
    return PaddedConfig(
        family=config.model_type,
        vocab_size=words.num_embeddings,
        hidden_size=states[-1].shape[-1],
        layers=len(states) - 1,
        max_positions=positions,
        position_offset=offset,
        dropout=max((module.p for module in model.modules() if isinstance(module, nn.Dropout)), default=0.0),
        attention_dropout=_first(config, ("attention_probs_dropout_prob", "attention_dropout"), 0.0),
        initializer_range=_first(config, ("initializer_range",), 0.02),
        pad_id=pad_id,
        causal=causal,
        whole=_plain(config),
    )


def _plain(config: Any) -> dict[str, Any]:
    """The config as its file says it, without what depends on the place it was read from."""
    values: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return {name: value for name, value in values.items() if name not in ("_name_or_path", "dtype")}


def _first(config: Any, names: tuple[str, ...], default: float) -> float:
    found = (getattr(config, name, None) for name in names)
    return next((float(value) for value in found if isinstance(value, int | float)), default)


def _positions(model: Any) -> tuple[int, int]:
    """Positions of the model, and how many RoBERTa and its kin leave in front."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return 1 << 20, 0  # relative positions without an end
    tables = (module for name, module in model.named_modules() if name.endswith("position_embeddings"))
    table = next((module for module in tables if isinstance(module, nn.Embedding)), None)
    shifted = table is not None and table.padding_idx is not None and table.num_embeddings == positions
    return positions, table.padding_idx + 1 if shifted else 0  # type: ignore[union-attr, operator]


def _probe(model: Any, pad_id: int) -> tuple[tuple[Tensor, ...], bool]:
    """Hidden states of a short row, and whether its first token is blind to the others."""
    size = model.get_input_embeddings().num_embeddings
    ids = [number for number in range(min(size, pad_id + 9)) if number != pad_id][-4:]
    if len(ids) < 3:
        raise ValueError(f"the encoder has only {size} embeddings")
    device = next(model.parameters()).device
    short, other, long = ids[:3], [ids[0], ids[2], ids[1]], [*ids, *ids]
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        rows = [_states(model, row, device) for row in (short, other)]
        together = Packed.of(np.array([*short, *long]), np.array([len(short), len(long)]), device=device)
        batch, mask = padded(together, pad_id)
        both = model(input_ids=batch, attention_mask=mask).last_hidden_state
    model.train(was_training)
    last = rows[0][-1][0]
    scale = float(last.abs().max()) or 1.0
    if float((both[0, : len(short)] - last).abs().max()) > 1e-3 * scale:
        raise ValueError("the states of a row change with the padding of its batch; such a model cannot be used here")
    causal = bool(torch.allclose(rows[0][-1][0, 0], rows[1][-1][0, 0], atol=1e-6 * scale, rtol=1e-6))
    return rows[0], causal


def _states(model: Any, row: list[int], device: torch.device) -> tuple[Tensor, ...]:
    ids = torch.tensor([row], device=device)
    found = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states
    if not found or any(state.shape[:2] != ids.shape for state in found):
        raise ValueError("its hidden states are not one vector a token; such a model cannot be used here")
    return tuple(found)
