"""Encoders of every family beside transformers' own: largest difference of a hidden state, and rows a second.

Each is a random model of 4 layers and a width of 256, made and saved by transformers and loaded as `--model` loads it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from engine.model.encoders import BertEncoder, Packed
from engine.text.tokenizer import SPECIALS
from jobs.models import loading

WORDS = 2000
ROWS = 64
SIZES: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "max_position_embeddings": 128,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "ernie": {"use_task_id": True},
    "electra": {"embedding_size": 128},
    "roberta": {},
    "xlm-roberta": {"pad_token_id": 0},
    "roformer": {"embedding_size": 128},
    "megatron-bert": {},
    "albert": {"embedding_size": 128},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "distilbert": {"dim": 256, "n_layers": 4, "n_heads": 4, "hidden_dim": 1024},
    "modernbert": {
        "pad_token_id": 0, "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
    },
    "qwen3": {"num_key_value_heads": 2, "head_dim": 64, "pad_token_id": 0},
}  # fmt: skip
"""model_type -> settings of its config besides the sizes"""

measured: dict[str, tuple[str, float, float]] = {}


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """A row a family.

    Args:
        full: nine passes in place of three.
    """
    measured.clear()
    for name, settings in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            path, difference, rate = measured[name] = measure(name, settings, Path(folder), passes=9 if full else 3)
        yield {"name": f"{name} ({path}): rows of 10 to 60 tokens", "value": rate, "unit": "rows/s"}
        yield {"name": "  largest difference of a hidden state, of its largest", "value": difference, "bar": "<= 1e-5"}


def document() -> str:
    """The last figures as Markdown."""
    lines = ["| family | path | largest difference / largest state | rows/s |", "|---|---|---|---|"]
    lines += [f"| {name} | {path} | {gap:.1e} | {rate:.0f} |" for name, (path, gap, rate) in measured.items()]
    return "\n".join(lines) + "\n"


def measure(name: str, settings: dict[str, Any], folder: Path, *, passes: int) -> tuple[str, float, float]:
    """Path, largest difference of a state from that of transformers on each row alone, and rows a second."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    make: Any = AutoModel
    model = make.from_config(AutoConfig.for_model(name, **{**SIZES, **settings})).eval()
    model.save_pretrained(folder)
    vocabulary = [*SPECIALS, *(f"w{number}" for number in range(WORDS - len(SPECIALS)))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', encoding="utf-8")
    encoder = loading.load(str(folder)).encoder.eval()
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 61, ROWS)
    packed = Packed.of(rng.integers(len(SPECIALS), WORDS, lengths.sum()), lengths)
    rows = torch.split(packed.tokens, lengths.tolist())
    with torch.inference_mode():
        alone = [model(input_ids=row[None], output_hidden_states=True).hidden_states for row in rows]
        ours = encoder.hidden_states(packed)
        theirs = [torch.cat([row[layer][0] for row in alone]) for layer in range(len(alone[0]))]
        pairs = list(zip(ours, theirs, strict=True))
        difference = max(float((a - b).abs().max()) for a, b in pairs) / max(float(b.abs().max()) for _, b in pairs)
        seconds = []
        for _ in range(passes):
            began = time.process_time()
            encoder(packed, first_only=True)
            seconds.append(time.process_time() - began)
    path = "packed" if isinstance(encoder, BertEncoder) else "transformers"
    return path, difference, ROWS / median(seconds)
