"""Low-rank adapters: they alone are trained, go on from a checkpoint, and are merged into what is written."""

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModel

from engine.model.encoders import Packed
from jobs import cli
from jobs.clue.config import Config, check
from jobs.models import loading, saving
from jobs.models.lora import add_adapters

LENGTHS = [4, 7]


@pytest.fixture(scope="module", params=["bert", "qwen3"])
def folder(request, tmp_path_factory):
    pytest.importorskip("peft")
    path = tmp_path_factory.mktemp("lora")
    small = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    small |= {"intermediate_size": 32, "max_position_embeddings": 32, "pad_token_id": 0}
    if request.param == "bert":
        config = transformers.BertConfig(**small)
    else:
        config = transformers.Qwen3Config(**small, num_key_value_heads=1, head_dim=8)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(path)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxy"]
    (path / "vocab.txt").write_text("\n".join(words) + "\n")
    (path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    return path


def states(encoder, packed):
    with torch.inference_mode():
        return encoder.eval()(packed)


def test_adapters_alone_are_trained_and_merged_when_written(folder, tmp_path):
    packed = Packed.of(np.arange(5, 16), np.array(LENGTHS))
    loaded = loading.load(str(folder), packed=False)
    before = states(loaded.encoder, packed)
    add_adapters(loaded.encoder, 4, seed=1)
    assert torch.equal(states(loaded.encoder, packed), before)
    trained = {name for name, parameter in loaded.encoder.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    optimizer = torch.optim.Adam([p for p in loaded.encoder.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loaded.encoder(packed).pow(2).mean().backward()
        optimizer.step()
    after = states(loaded.encoder, packed)
    assert float((after - before).abs().max()) > 0.01
    encoder, _ = saving.restore(saving.describe(loaded.encoder, loaded.tokenizer))
    encoder.load_state_dict(loaded.encoder.state_dict())
    assert torch.equal(states(encoder, packed), after)
    saving.save_folder(tmp_path, loaded.encoder, loaded.tokenizer)
    again = loading.load(str(tmp_path))
    assert not any("lora" in name for name in again.encoder.state_dict())
    torch.testing.assert_close(states(again.encoder, packed), after, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("flags", [{}, {"model": "bert-base-chinese", "fgm": 1.0}, {"model": "ngram"}])
def test_what_adapters_do_not_go_with(flags):
    with pytest.raises(cli.InputError, match="--lora freezes a pretrained encoder: not with"):
        check(Config(lora=8, **flags))
