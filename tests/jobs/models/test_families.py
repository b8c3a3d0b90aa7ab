"""Every family: the states of transformers on the same ids, one update, saved, loaded, gone on with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModel

from engine.model.encoders import BertEncoder, Packed
from engine.model.heads import TaskModel
from engine.model.optimizers import adamw, parameter_groups
from engine.model.padded import PaddedEncoder, padded
from engine.model.training import Settings, Training
from engine.text.rows import Rows
from engine.text.tokenizer import SPECIALS
from jobs import checkpoints
from jobs.models import loading, saving

VOCABULARY = [
    *SPECIALS,
    *"的一是不了人我在有他这中大来上国个到说们",
    *(f"##{c}" for c in "abcdefghij"),
    *"abcdefghij,。!？",
]
SMALL: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
FAST: dict[str, Any] = {
    "bert": transformers.BertConfig(**SMALL, hidden_act="relu", layer_norm_eps=1e-5, type_vocab_size=1),
    "bert with silu": transformers.BertConfig(**SMALL, hidden_act="silu"),
    "ernie": transformers.ErnieConfig(**SMALL, use_task_id=True, task_type_vocab_size=4),
    "ernie 1": transformers.ErnieConfig(**SMALL),
    "electra": transformers.ElectraConfig(**SMALL, embedding_size=32),
    "electra, narrow": transformers.ElectraConfig(**SMALL, embedding_size=16),
    "roberta": transformers.RobertaConfig(**SMALL, type_vocab_size=1),
    "xlm-roberta": transformers.XLMRobertaConfig(**SMALL, pad_token_id=0),
}
SLOW: dict[str, Any] = {
    "bert that decodes": transformers.BertConfig(**SMALL, is_decoder=True),
    "bert with quick_gelu": transformers.BertConfig(**SMALL, hidden_act="quick_gelu"),
    "roformer": transformers.RoFormerConfig(**SMALL, embedding_size=16),
    "megatron-bert": transformers.MegatronBertConfig(**SMALL),
    "albert": transformers.AlbertConfig(**SMALL, embedding_size=16),
    "deberta-v2": transformers.DebertaV2Config(**SMALL, relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=len(VOCABULARY), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64
    ),
    "modernbert": transformers.ModernBertConfig(
        **SMALL, pad_token_id=0, bos_token_id=2, cls_token_id=2, eos_token_id=3, sep_token_id=3, local_attention=8
    ),
    "qwen3": transformers.Qwen3Config(**SMALL, num_key_value_heads=1, head_dim=16, pad_token_id=0),
}
LENGTHS = np.array([5, 12, 3, 12])
QUICK = ("bert", "ernie", "electra, narrow", "xlm-roberta", "roformer", "qwen3")
CAUSAL = ("bert that decodes", "qwen3")


def write_model(folder: Path, config: Any, *, seed: int = 0) -> Any:
    """A random model of transformers in a folder, with a vocabulary of BERT's kind."""
    torch.manual_seed(seed)
    model = AutoModel.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)  # norms and biases too are unlike their start
    model.save_pretrained(folder)
    write_vocabulary(folder)
    return model


def write_vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in (*FAST, *SLOW)],
)
def family(request, tmp_path_factory):
    """Name, transformers' model, and its folder."""
    config = (FAST | SLOW)[request.param]
    folder = tmp_path_factory.mktemp("family")
    return request.param, write_model(folder, config), folder


def packed_rows() -> Packed:
    rng = np.random.default_rng(0)
    return Packed.of(rng.integers(5, len(VOCABULARY), LENGTHS.sum()), LENGTHS)


def reference(model: Any, packed: Packed) -> list[torch.Tensor]:
    """Transformers' own hidden states of each row alone, without padding or mask."""
    rows = torch.split(packed.tokens, LENGTHS.tolist())
    with torch.inference_mode():
        states = [model(input_ids=row[None], output_hidden_states=True).hidden_states for row in rows]
    return [torch.cat([row[layer][0] for row in states]) for layer in range(len(states[0]))]


def differences(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
    assert len(ours) == len(theirs)
    return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))


def test_hidden_states_are_those_of_transformers(family):
    name, model, folder = family
    loaded = loading.load(str(folder))
    assert isinstance(loaded.encoder, BertEncoder if name in FAST else PaddedEncoder)
    assert ("slower" in loaded.note) == (name in SLOW)
    assert loaded.encoder.config.causal == (name in CAUSAL)
    encoder, packed = loaded.encoder.eval(), packed_rows()
    theirs = reference(model, packed)
    with torch.inference_mode():
        assert differences(encoder.hidden_states(packed), theirs) < 1e-5
        assert differences([encoder(packed)], theirs[-1:]) < 1e-5
        assert differences([encoder(packed, first_only=True)], [theirs[-1][packed.starts]]) < 1e-5
    assert encoder.words.weight.shape[0] == len(VOCABULARY)


def training(encoder: Any, *, seed: int = 0) -> Training:
    rng = np.random.default_rng(1)
    lengths = rng.integers(3, 20, 24)
    rows = Rows(
        tokens=rng.integers(5, len(VOCABULARY), lengths.sum()).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        example=np.arange(24),
        n_examples=24,
        targets=rng.integers(0, 3, 24),
    )
    pooling = "mean" if encoder.config.causal else "first"
    model = TaskModel(encoder, kind="classification", n_labels=3, pooling=pooling)
    model.initialize_head(torch.Generator().manual_seed(seed))
    groups = parameter_groups(
        model,
        learning_rate=1e-3,
        layer_decay=0.9,
        depth_of=lambda name: encoder.depth_of(name.removeprefix("encoder.")) if name.startswith("encoder") else 3,
        layers=encoder.config.layers,
    )
    settings = Settings(epochs=2, batch_size=8, fgm=0.5, seed=seed)
    return Training(model, adamw(groups), rows, settings, n_labels=3)


def test_a_training_saved_after_one_update_goes_on_bitwise(family, tmp_path):
    name, _, folder = family
    loaded = loading.load(str(folder))
    straight = training(loaded.encoder)
    start = {key: tensor.clone() for key, tensor in straight.model.state_dict().items()}

    def stop_after_one(step: Any) -> bool:
        if step.step == 1:
            about = saving.describe(loaded.encoder, loaded.tokenizer)
            checkpoints.save(tmp_path / "one.safetensors", straight.state_dict(), about=about)
        return step.step == 3

    straight.run(stop_after_one)
    changed = [key for key, tensor in straight.model.state_dict().items() if not torch.equal(tensor, start[key])]
    assert any(key.startswith("encoder.") for key in changed)
    state, about = checkpoints.load(tmp_path / "one.safetensors")
    encoder, tokenizer = saving.restore(about)
    assert encoder.config == loaded.encoder.config
    assert tokenizer.encode(["的一a"]) == loaded.tokenizer.encode(["的一a"])
    again = training(encoder, seed=0)
    again.load_state_dict(state)
    again.run(lambda step: step.step == 3)
    for key, tensor in straight.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[key]), (name, key)


def test_a_written_folder_gives_transformers_the_same_states(family, tmp_path):
    _, _, folder = family
    loaded = loading.load(str(folder))
    saving.save_folder(tmp_path / "out", loaded.encoder, loaded.tokenizer)
    encoder, packed = loaded.encoder.eval(), packed_rows()
    again = AutoModel.from_pretrained(tmp_path / "out").eval()
    with torch.inference_mode():
        assert differences(encoder.hidden_states(packed), reference(again, packed)) < 1e-5
    second = loading.load(str(tmp_path / "out"))
    with torch.inference_mode():
        assert torch.equal(second.encoder.eval()(packed), encoder(packed))


def test_padding_is_that_of_the_model():
    ids, mask = padded(Packed.of(np.arange(3, 8), np.array([2, 3])), 1)
    assert ids.tolist() == [[3, 4, 1], [5, 6, 7]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
