"""Low-rank adapters (Hu et al., 2021, https://arxiv.org/abs/2106.09685) by peft, for large encoders.

The encoder's own weights stay as they are; next to every linear layer W a product of two thin matrices is trained, so
that it computes W + 2 B A. A folder that is written has the products merged into the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs import cli

if TYPE_CHECKING:
    from engine.model.padded import PaddedEncoder

ADAPTED = "lora_"


def add_adapters(encoder: PaddedEncoder, rank: int, *, seed: int = 0) -> None:
    """Freeze an encoder and put adapters of a rank beside its linear layers.

    Raises:
        InputError: if peft is not installed.
    """
    import torch
    from torch import nn

    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise cli.InputError("--lora needs the peft library: pip install -c constraints.txt peft") from error
    names = [name for name, module in encoder.model.named_modules() if isinstance(module, nn.Linear)]
    encoder.requires_grad_(False)
    settings = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(settings, encoder.model)
    encoder.lora_rank = rank


def merged_state(model: Any) -> dict[str, Any]:
    """Weights of an adapted model under the names that it had before, the adapters added to them."""
    state = {}
    modules = dict(model.named_modules())
    for name, tensor in model.state_dict().items():
        if f".{ADAPTED}" in name:
            continue
        plain = name.replace(".base_layer.", ".")
        layer = modules[name.partition(".base_layer.")[0]] if plain != name else None
        added = layer.get_delta_weight("default") if layer is not None and name.endswith(".weight") else 0
        state[plain] = tensor + added
    return state
