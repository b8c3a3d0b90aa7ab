"""Loading encoders: round trip of a folder, and one sentence for everything that is no BERT encoder."""

import json
from pathlib import Path

import pytest
import torch

from engine.model.encoders import BertEncoder, EncoderConfig
from jobs import cli, models

CONFIG = EncoderConfig(vocab_size=12, hidden_size=8, layers=1, heads=2, intermediate_size=16, max_positions=16)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "中", "文", "好", "a", "b", "##b", "。"]


@pytest.fixture
def folder(tmp_path) -> Path:
    encoder = BertEncoder(CONFIG)
    encoder.initialize(torch.Generator().manual_seed(0))
    models.save_folder(tmp_path / "m", encoder, VOCABULARY, lower=True)
    return tmp_path / "m"


def test_a_saved_folder_loads_bitwise(folder):
    first, second = models.load(str(folder)), models.load(str(folder))
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
    one, again, other = (models.load("tiny", texts=lambda: texts, seed=seed) for seed in (1, 1, 2))
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
    elif what == "architecture":
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "electra"}))
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
        ("no weights", r"has no weights \(expected model.safetensors\)"),
        ("pickled", r"has only pickled weights \(pytorch_model.bin\), which could run code when loaded"),
        ("architecture", "is a 'electra' model; expected a BERT-type encoder"),
        ("positions", "got 'bert' with relative_key positions"),
        ("field", "config.json lacks or misspells 'hidden_size'"),
        ("json", "config.json: Expecting property name"),
        ("truncated", "model.safetensors is damaged"),
        ("vocabulary", "vocab.txt has 13 tokens but the encoder 12 embeddings"),
        ("no vocabulary", "has no vocab.txt"),
        ("shape", r"tensor 'layers.0.up.weight' has shape \(16, 8\), the config says \(32, 8\)"),
    ],
)
def test_broken_folders_are_refused_in_one_sentence(folder, what, message):
    spoil(folder, what)
    with pytest.raises(cli.InputError, match=message) as caught:
        models.load(str(folder))
    assert str(folder) in str(caught.value)


def test_hub_names_without_a_hub_are_refused_within_seconds(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(cli.InputError, match=r"hfl/chinese-roberta-wwm-ex: not in the local cache.*did you mean"):
        models.load("hfl/chinese-roberta-wwm-ex")
    with pytest.raises(cli.InputError, match="unknown model 'ngarm'; did you mean 'ngram'"):
        models.check_name("ngarm")
