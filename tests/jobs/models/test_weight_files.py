"""Files of weights: shards, pickles, half precision, prefixes; what is no tensor is never made."""

import json
import os
import pickle
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.model.encoders import BertEncoder, EncoderConfig
from engine.text.tokenizer import SPECIALS, WordPiece
from jobs import cli
from jobs.models import loading, saving

SHAPE = EncoderConfig(vocab_size=9, hidden_size=8, layers=1, heads=2, intermediate_size=16, max_positions=16)


@pytest.fixture
def folder(tmp_path):
    encoder = BertEncoder(SHAPE)
    encoder.initialize(torch.Generator().manual_seed(0))
    saving.save_folder(tmp_path / "m", encoder, WordPiece([*SPECIALS, "a", "##a", "好"]))
    return tmp_path / "m"


def rewrite(folder, change):
    path = folder / "model.safetensors"
    tensors = change(load_file(path))
    path.unlink()
    return tensors


def weights(folder):
    return loading.load(str(folder)).encoder.state_dict()


def same(first, second, tolerance=0.0):
    return first.keys() == second.keys() and all(
        torch.allclose(first[name], second[name], atol=tolerance, rtol=0) for name in first
    )


@pytest.mark.parametrize("prefix", ["bert.", "model.", "module.", "model.bert.", "module.bert.", "encoder_q.bert."])
@pytest.mark.parametrize("old", [False, True])
def test_prefixes_and_old_names_of_norms(folder, prefix, old):
    before = weights(folder)

    def change(tensors):
        named = {prefix + name: tensor for name, tensor in tensors.items()}
        if old:
            named = {
                name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor
                for name, tensor in named.items()
            }
        return {**named, "cls.predictions.bias": torch.zeros(9)}

    save_file(rewrite(folder, change), folder / "model.safetensors")
    assert same(weights(folder), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(folder, dtype):
    before = weights(folder)
    tensors = rewrite(folder, lambda found: {name: tensor.to(dtype) for name, tensor in found.items()})
    save_file(tensors, folder / "model.safetensors")
    after = weights(folder)
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    assert same(after, before, tolerance=1e-2)


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards(folder, kind):
    before = weights(folder)
    tensors = rewrite(folder, dict)
    names = sorted(tensors)
    parts = {"one": names[::2], "two": names[1::2]}
    name = "model.safetensors" if kind == "safetensors" else "pytorch_model.bin"
    for part, members in parts.items():
        chosen = {member: tensors[member] for member in members}
        if kind == "safetensors":
            save_file(chosen, folder / f"{part}.safetensors")
        else:
            torch.save(chosen, folder / f"{part}.bin")
    index = {"weight_map": {member: f"{part}.{kind}" for part, members in parts.items() for member in members}}
    (folder / f"{name}.index.json").write_text(json.dumps(index))
    assert same(weights(folder), before)
    (folder / f"two.{kind}").unlink()
    with pytest.raises(cli.InputError, match=rf"lacks two\.{kind}, which its index names"):
        weights(folder)
    index["weight_map"][names[0]] = "../one.bin"
    (folder / f"{name}.index.json").write_text(json.dumps(index))
    with pytest.raises(cli.InputError, match=r"names '\.\./one\.bin', which is not a file of its folder"):
        weights(folder)


def test_pickled_tensors_are_read_and_written_as_safetensors(folder, tmp_path):
    before = weights(folder)
    tensors = rewrite(folder, dict)
    torch.save(OrderedDict(tensors), folder / "pytorch_model.bin")
    assert same(weights(folder), before)
    torch.save({"state_dict": tensors, "epoch": 3}, folder / "pytorch_model.bin")
    loaded = loading.load(str(folder))
    assert same(loaded.encoder.state_dict(), before)
    saving.save_folder(tmp_path / "out", loaded.encoder, loaded.tokenizer)
    assert [path.name for path in (tmp_path / "out").glob("*model*")] == ["model.safetensors"]


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_pickle_is_never_run(folder, tmp_path):
    tensors = rewrite(folder, dict)
    sprung = tmp_path / "sprung"
    for save in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        save({**tensors, "trap": Trap(sprung)}, folder / "pytorch_model.bin")
        with pytest.raises(cli.InputError, match=r"pytorch_model\.bin (holds more than tensors|is damaged)"):
            weights(folder)
        assert not sprung.exists()


BIAS = "embeddings.LayerNorm.bias"
SPOILED = {
    "does not account for the tensor": {"encoder.layer.1.output.dense.bias": torch.zeros(8)},
    "the tensor 'embeddings.extra.weight'": {"embeddings.extra.weight": torch.zeros(8)},
    f"{BIAS!r} is not finite": {BIAS: torch.full((8,), torch.nan)},
    "quantized weights are not read": {BIAS: torch.zeros(8, dtype=torch.int8)},
    "several encoders": {f"k.{name}": torch.zeros(9, 8) for name in ("q.embeddings.word_embeddings.weight",)},
}


@pytest.mark.parametrize("message", SPOILED)
def test_tensors_that_a_config_does_not_describe_are_named(folder, message):
    tensors = rewrite(folder, dict)
    if message == "several encoders":
        tensors = {f"q.{name}": tensor for name, tensor in tensors.items()}
    save_file({**tensors, **SPOILED[message]}, folder / "model.safetensors")
    with pytest.raises(cli.InputError, match=message):
        weights(folder)


def test_a_file_without_an_encoder_is_refused(folder):
    save_file(rewrite(folder, lambda tensors: {"x": torch.zeros(2)}), folder / "model.safetensors")
    with pytest.raises(cli.InputError, match=r"no tensor 'embeddings\.word_embeddings\.weight'"):
        weights(folder)
