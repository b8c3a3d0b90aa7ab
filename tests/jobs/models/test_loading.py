"""Loading encoders: round trip of a folder, and one sentence for everything that is no BERT encoder."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.model.encoders import BertEncoder, EncoderConfig
from engine.text.tokenizer import WordPiece
from jobs import cli
from jobs.models import loading, names, saving

CONFIG = EncoderConfig(vocab_size=12, hidden_size=8, layers=1, heads=2, intermediate_size=16, max_positions=16)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "中", "文", "好", "a", "b", "##b", "。"]


@pytest.fixture
def folder(tmp_path) -> Path:
    encoder = BertEncoder(CONFIG)
    encoder.initialize(torch.Generator().manual_seed(0))
    saving.save_folder(tmp_path / "m", encoder, WordPiece(VOCABULARY))
    return tmp_path / "m"


def test_a_saved_folder_loads_bitwise(folder):
    first, second = loading.load(str(folder)), loading.load(str(folder))
    assert first.pretrained
    assert first.tokenizer.vocabulary == VOCABULARY
    assert first.encoder.config == CONFIG
    reference = BertEncoder(CONFIG)
    reference.initialize(torch.Generator().manual_seed(0))
    for loaded in (first, second):
        for own, expected in zip(loaded.encoder.parameters(), reference.parameters(), strict=True):
            assert torch.equal(own, expected)


def test_transformers_reads_the_folder(folder):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig.from_pretrained(folder)
    assert (config.hidden_size, config.num_hidden_layers) == (8, 1)


def test_tiny_knows_the_characters_of_the_texts_and_depends_on_the_seed():
    texts = ["中文中文", "好好a"]
    one, again, other = (loading.load("tiny", texts=lambda: texts, seed=seed) for seed in (1, 1, 2))
    assert {"中", "文", "好"} <= set(one.tokenizer.vocabulary)
    assert torch.equal(one.encoder.words.weight, again.encoder.words.weight)
    assert not torch.equal(one.encoder.words.weight, other.encoder.words.weight)
    assert (one.encoder.config.layers, one.encoder.config.hidden_size) == (2, 128)


def spoil(folder: Path, what: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    weights = folder / "model.safetensors"
    if what == "no weights":
        weights.unlink()
    elif what == "pickled":
        weights.rename(folder / "pytorch_model.bin")
    elif what == "family":
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "electrra"}))
    elif what == "two halves":
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "t5", "is_encoder_decoder": True}))
    elif what == "decoder's code":
        (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_x.XModel"}}))
    elif what == "quantized":
        (folder / "config.json").write_text(json.dumps({**config, "quantization_config": {"bits": 4}}))
    elif what == "pruned":
        (folder / "config.json").write_text(json.dumps({**config, "pruned_heads": {"0": [1]}}))
    elif what == "more layers":
        (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 0}))
    elif what == "nothing":
        (folder / "config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 1.5}))
    elif what == "positions":
        (folder / "config.json").write_text(json.dumps({**config, "position_embedding_type": "relative_key"}))
    elif what == "field":
        del config["hidden_size"]
        (folder / "config.json").write_text(json.dumps(config))
    elif what == "json":
        (folder / "config.json").write_text("{")
    elif what == "truncated":
        weights.write_bytes(weights.read_bytes()[:200])
    elif what == "vocabulary":
        (folder / "vocab.txt").write_text("\n".join([*VOCABULARY, "多"]) + "\n", encoding="utf-8")
    elif what == "no vocabulary":
        (folder / "vocab.txt").unlink()
    elif what == "shape":
        (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 32}))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no weights", r"has no weights \(expected model.safetensors or pytorch_model.bin\)"),
        ("pickled", r"pytorch_model.bin is damaged|pytorch_model.bin holds more than tensors"),
        ("family", "is a 'electrra' model, which transformers does not know; did you mean 'electra'"),
        ("two halves", "a 't5' model has an encoder and a decoder; expected an encoder alone"),
        ("decoder's code", r"auto_map asks for code of the model's own \(modeling_x.XModel\), which is never run"),
        ("quantized", "quantization_config: quantized weights are not read"),
        ("pruned", "pruned_heads is .*: pruned heads are not computed"),
        ("more layers", "layers must be a whole number of at least 1, got 0"),
        ("nothing", "dropout must be at least 0 and below 1, got 1.5"),
        ("positions", "position_embedding_type 'relative_key' is not computed for 'bert'"),
        ("field", "config.json lacks or misspells 'hidden_size'"),
        ("json", "config.json: Expecting property name"),
        ("truncated", "model.safetensors is damaged"),
        ("vocabulary", "the tokenizer has 13 tokens, the encoder 12 embeddings"),
        ("no vocabulary", "has no vocab.txt"),
        ("shape", r"tensor 'layers.0.up.weight' .* has shape \(16, 8\), the config says \(32, 8\)"),
    ],
)
def test_broken_folders_are_refused_in_one_sentence(folder, what, message):
    spoil(folder, what)
    with pytest.raises(cli.InputError, match=message) as caught:
        loading.load(str(folder))
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("file", "value", "message"),
    [
        ("config.json", {"layer_norm_eps": "1e-12"}, "layer_norm_eps must be a number, got '1e-12'"),
        ("config.json", {"hidden_dropout_prob": True}, "hidden_dropout_prob must be a number, got True"),
        ("config.json", {"hidden_act": None}, "hidden_act"),
        ("config.json", {"hidden_act": ["gelu"]}, "hidden_act"),
        ("tokenizer_config.json", {"do_lower_case": "false"}, "do_lower_case must be true or false, got 'false'"),
        ("tokenizer_config.json", {"do_lower_case": None}, "do_lower_case must be true or false, got None"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(folder, file, value, message):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **value}))
    with pytest.raises(cli.InputError, match=message) as caught:
        loading.load(str(folder))
    assert str(folder) in str(caught.value)


def test_a_bert_under_the_config_of_a_roberta_is_refused(folder):
    path, weights = folder / "config.json", folder / "model.safetensors"
    named = {f"bert.{name}": tensor for name, tensor in load_file(weights).items()}
    save_file(named, weights)
    assert loading.load(str(folder)).encoder.config.family == "bert"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "roberta"}))
    with pytest.raises(cli.InputError, match="saved as 'bert', which numbers positions otherwise than 'roberta'"):
        loading.load(str(folder))


def test_a_bert_that_looks_back_only_is_not_taken_for_one_that_looks_both_ways(folder):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "is_causal": True}))
    with pytest.raises(cli.InputError, match="is_causal: attention that looks back only is not computed for 'bert'"):
        loading.load(str(folder))


def test_hub_names_without_a_hub_are_refused_within_seconds(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(cli.InputError, match=r"hfl/chinese-roberta-wwm-ex: not in the local cache.*did you mean"):
        loading.load("hfl/chinese-roberta-wwm-ex")
    with pytest.raises(cli.InputError, match="unknown model 'ngarm'; did you mean 'ngram'"):
        names.check_name("ngarm")
