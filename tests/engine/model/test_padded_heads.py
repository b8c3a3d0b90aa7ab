"""The head of transformers on encoders that transformers computes: the folder loads there with the same logits."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from engine.model.encoders import Packed
from engine.model.heads import Batch
from engine.model.padded import padded
from engine.model.padded_heads import PaddedStandardModel
from engine.text.tasks import TaskSpec
from engine.text.tokenizer import SPECIALS, WordPiece
from jobs.clue.models.heads import build, take_pooler
from jobs.models import loading, saving
from jobs.models.lora import add_adapters
from jobs.models.padded import HEADS

pytestmark = pytest.mark.filterwarnings("ignore")
VOCABULARY = [*SPECIALS, *"abcdefghijklmnopqrstuvwxyz"]
LABELS = ("news", "sport", "art")
LENGTHS = np.array([7, 4, 7])
SIZES: dict[str, Any] = {
    "vocab_size": len(VOCABULARY), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 32, "initializer_range": 0.3,
}  # fmt: skip
FAMILIES = {
    "albert": transformers.AlbertConfig(**SIZES, embedding_size=8),
    "roformer": transformers.RoFormerConfig(**SIZES, embedding_size=16),
    "megatron-bert": transformers.MegatronBertConfig(**SIZES),
    "deberta-v2": transformers.DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=len(VOCABULARY), dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=32
    ),
    "modernbert": transformers.ModernBertConfig(
        **SIZES, pad_token_id=0, bos_token_id=2, cls_token_id=2, eos_token_id=3, sep_token_id=3, local_attention=8
    ),
    "bert with quick_gelu": transformers.BertConfig(**SIZES, hidden_act="quick_gelu"),
    "electra with quick_gelu": transformers.ElectraConfig(**SIZES, embedding_size=8, hidden_act="quick_gelu"),
    "xlm-roberta with quick_gelu": transformers.XLMRobertaConfig(**SIZES, pad_token_id=0, hidden_act="quick_gelu"),
    "qwen3": transformers.Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=8, pad_token_id=0),
    "qwen3 without padding": transformers.Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=8, pad_token_id=None),
    "mistral": transformers.MistralConfig(**SIZES, num_key_value_heads=1, head_dim=8, pad_token_id=None),
    "roformer of three classes": transformers.RoFormerConfig(
        **SIZES, embedding_size=16, id2label={0: "a", 1: "b", 2: "c"}, problem_type="multi_label_classification"
    ),
    "camembert": transformers.CamembertConfig(**SIZES, pad_token_id=1),
    "xlnet": transformers.XLNetConfig(vocab_size=len(VOCABULARY), d_model=16, n_layer=2, n_head=2, d_inner=24),
    "mpnet": transformers.MPNetConfig(**SIZES),
}


RARE = ("mistral", "roformer of three classes", "camembert", "xlnet", "mpnet", "qwen3", "electra with quick_gelu")


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name in RARE else ()) for name in FAMILIES],
)
def family(request, tmp_path_factory):
    """Name and folder of a random encoder that transformers saved, with a pooler where the family has one."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("family")
    transformers.AutoModel.from_config(FAMILIES[request.param]).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    return request.param, folder


def built(folder, kind, adapters=0):
    loaded = loading.load(str(folder), packed=not adapters)
    if adapters:
        add_adapters(loaded.encoder, adapters)
    spec = TaskSpec(name="x", title="X", kind=kind, fields=("a",), labels=LABELS)
    model = build(loaded.encoder, spec, head="standard")
    model.initialize_head(torch.Generator().manual_seed(1))
    take_pooler(model, loaded.pooler)
    return model


def batch(**targets):
    rng = np.random.default_rng(0)
    return Batch(Packed.of(rng.integers(6, len(VOCABULARY), LENGTHS.sum()), LENGTHS), 3, **targets)


def theirs(folder, kind, rows, pad_id):
    """Logits of what transformers loads of a folder, and the model."""
    auto = getattr(transformers, f"AutoModelFor{HEADS[kind]}")
    model, info = auto.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    ids, mask = padded(rows.packed, pad_id)
    if kind == "choice":
        ids, mask = ids[None], mask[None]
    with torch.inference_mode():
        found = model.eval()(input_ids=ids, attention_mask=mask)
    if kind == "span":
        return torch.stack([found.start_logits, found.end_logits], 1), model
    return found.logits[0] if kind == "choice" else found.logits, model


TARGETS = {
    "classification": torch.tensor([0, 2, 1]),
    "span": torch.tensor([[1, 2], [1, 1], [3, 5]]),
    "entities": torch.tensor([[0, 1, 2, 4], [2, 0, 1, 1]]),
}


KINDS = [("classification", 0), ("choice", 0), ("span", 0), ("entities", 0), ("classification", 4), ("entities", 4)]
OFTEN = [  # the default run: every family once, every kind of two families
    *((name, *KINDS[0]) for name in FAMILIES if name not in RARE),
    *(("albert", *kind) for kind in KINDS[1:]),
    ("deberta-v2", "choice", 0),
    ("deberta-v2", "entities", 4),
    ("modernbert", "span", 0),
    ("modernbert", "entities", 0),
]
CASES = [(name, *kind) for name in FAMILIES for kind in KINDS]


@pytest.mark.parametrize(
    ("family", "kind", "adapters"),
    [pytest.param(*case, marks=() if case in OFTEN else pytest.mark.slow) for case in CASES],
    indirect=["family"],
)
def test_transformers_loads_the_trained_folder_with_the_same_logits(family, kind, adapters, tmp_path):
    _, folder = family
    if not has_head(folder, kind):
        with pytest.raises(ValueError, match=f"transformers has no AutoModelFor{HEADS[kind]} of .*; --head ours works"):
            built(folder, kind)
        return
    if adapters:
        pytest.importorskip("peft")
    model = built(folder, kind, adapters)
    assert isinstance(model, PaddedStandardModel)
    if kind in TARGETS:  # one step, so that every weight of head and pooler is its own
        rows = batch(targets=TARGETS[kind])
        model.train()
        model.loss(model(rows), rows).sum().backward()
        assert all(p.grad is not None for n, p in model.named_parameters() if n.startswith("head."))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.01 * parameter.grad if parameter.grad is not None else 0
    model.eval()
    rows = batch()
    with torch.inference_mode():
        mine = model(rows)
    saving.save_standard(tmp_path, model, WordPiece(VOCABULARY), LABELS)
    found, loaded = theirs(tmp_path, kind, rows, model.encoder.config.pad_id)
    inside = padded(rows.packed, 0)[1].bool()
    if kind == "span":
        mine, found = mine.transpose(1, 2)[inside], found.transpose(1, 2)[inside]
    if kind == "entities":
        mine, found = mine[inside], found[inside]
        assert [loaded.config.id2label[i] for i in (0, 1, 4)] == ["O", "B-news", "I-sport"]
    if kind == "classification":
        assert loaded.config.id2label == dict(enumerate(LABELS))
    assert mine.std() > 0
    assert torch.allclose(mine, found, atol=1e-5)
    again = built(folder, kind, adapters)
    again.load_state_dict(model.state_dict())
    with torch.inference_mode():
        assert torch.allclose(again.eval()(rows), model(rows), atol=1e-6)


def has_head(folder, kind):
    config = transformers.AutoConfig.from_pretrained(folder)
    return type(config) in getattr(transformers, f"AutoModelFor{HEADS[kind]}")._model_mapping


@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=() if name in ("albert", "distilbert") else pytest.mark.slow) for name in FAMILIES],
    indirect=True,
)
def test_the_head_is_drawn_by_its_own_seed(family):
    _, folder = family
    first = built(folder, "classification").state_dict()
    torch.manual_seed(99)
    second = built(folder, "classification").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
