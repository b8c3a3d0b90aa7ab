"""The hub's cache: used where it is whole; else completed, or what is missing is named."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from engine.model.encoders import BertEncoder, EncoderConfig
from engine.text.tokenizer import SPECIALS, WordPiece
from jobs import cli
from jobs.models import hub, loading, saving

SHAPE = EncoderConfig(vocab_size=6, hidden_size=8, layers=1, heads=2, intermediate_size=16, max_positions=16)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cached snapshot, and the hub's own folder behind `snapshot_download`."""
    encoder = BertEncoder(SHAPE)
    encoder.initialize(torch.Generator().manual_seed(0))
    online, cached = tmp_path / "online", tmp_path / "cached"
    saving.save_folder(online, encoder, WordPiece(SPECIALS))
    shutil.copytree(online, cached)
    asked = []

    def download(name, *, local_files_only=False, **options):
        asked.append("cache" if local_files_only else "hub")
        if local_files_only and not cached.exists():
            raise LocalEntryNotFoundError("nothing there")
        if not local_files_only:
            shutil.copytree(online, cached, dirs_exist_ok=True)
        return str(cached)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    return cached, asked


def test_a_whole_cache_is_used_without_the_hub(cache):
    cached, asked = cache
    assert hub.fetch("a/b") == cached
    assert asked == ["cache"]


@pytest.mark.parametrize("lost", ["vocab.txt", "config.json", "model.safetensors"])
def test_an_incomplete_cache_is_completed_or_named(cache, monkeypatch, lost):
    cached, asked = cache
    (cached / lost).unlink()
    monkeypatch.setattr(hub, "is_reachable", lambda: False)
    with pytest.raises(cli.InputError, match=rf"the local cache .* lacks {lost}.*cannot be reached to complete it"):
        loading.load("a/b")
    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    assert loading.load("a/b").pretrained
    assert asked == ["cache", "cache", "hub"]


def test_missing_shards_and_modules_are_named(cache):
    cached, _ = cache
    (cached / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (cached / "model.safetensors.index.json").write_text(json.dumps(index))
    (cached / "model-1.safetensors").touch()
    assert hub.missing(cached) == ["model-2.safetensors"]
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    (cached / "modules.json").write_text(json.dumps(modules))
    assert hub.missing(cached) == [
        "model-2.safetensors",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
    ]


def test_a_name_that_is_nowhere(tmp_path, monkeypatch):
    def nothing(name, **options):
        raise LocalEntryNotFoundError("nothing there")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", nothing)
    monkeypatch.setattr(hub, "is_reachable", lambda: False)
    with pytest.raises(cli.InputError, match="not in the local cache, and the model hub cannot be reached"):
        hub.fetch("a/b")
    assert hub.missing(Path(tmp_path)) == ["config.json", "vocab.txt or tokenizer.json", "model.safetensors"]
