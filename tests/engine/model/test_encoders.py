"""The packed encoder beside transformers' BERT, padding, and the checkpoint's names."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.model.encoders import BertEncoder, EncoderConfig, Packed, parameter_depth
from engine.model.families.registry import FAMILIES, config_from_hf, config_to_hf, weights_from_hf, weights_to_hf

CONFIG = EncoderConfig(vocab_size=60, hidden_size=16, layers=2, heads=2, intermediate_size=32, max_positions=24)


@pytest.fixture
def encoder() -> BertEncoder:
    encoder = BertEncoder(CONFIG)
    encoder.initialize(torch.Generator().manual_seed(0))
    return encoder.eval()


def padded(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 60, (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return ids * mask, mask


@pytest.mark.parametrize("lengths", [[3, 9, 5], [6, 6], [1]])
def test_hidden_states_equal_those_of_transformers(encoder, lengths):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(**config_to_hf(CONFIG))
    peer = transformers.BertModel(config, add_pooling_layer=False).eval()
    peer.load_state_dict(weights_to_hf(encoder))
    ids, mask = padded(lengths)
    with torch.inference_mode():
        expected = peer(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        ours = encoder.encode_hidden(ids, mask)
    assert len(ours) == CONFIG.layers + 1
    for own, reference in zip(ours, expected, strict=True):
        torch.testing.assert_close(own[mask.bool()], reference[mask.bool()], atol=2e-6, rtol=1e-5)
        assert not own[~mask.bool()].any()


def test_a_row_does_not_see_its_neighbours(encoder):
    ids, mask = padded([4, 11, 7])
    with torch.inference_mode():
        together = encoder.encode_hidden(ids, mask)[-1]
        for row, length in enumerate([4, 11, 7]):
            alone = encoder.encode_hidden(ids[row : row + 1, :length], mask[row : row + 1, :length])[-1]
            torch.testing.assert_close(together[row, :length], alone[0], atol=2e-6, rtol=1e-5)


def test_packing_and_padding_are_inverse():
    lengths = np.array([2, 5, 1])
    packed = Packed.of(np.arange(8), lengths)
    x = torch.randn(8, 3)
    assert torch.equal(packed.unpad(packed.pad(x)), x)
    assert packed.pad(x)[2, 1:].abs().sum() == 0
    assert packed.positions.tolist() == [0, 1, 0, 1, 2, 3, 4, 0]
    with pytest.raises(ValueError, match="positive lengths that add up to 8 tokens"):
        Packed.of(np.arange(8), np.array([2, 5]))


def test_checkpoint_names_round_trip_with_prefix_and_old_norm_names(encoder):
    weights = weights_to_hf(encoder)
    old = {f"bert.{n}".replace("LayerNorm.weight", "LayerNorm.gamma"): t for n, t in weights.items()}
    again = weights_from_hf(old, CONFIG)
    own = encoder.state_dict()
    assert set(again) == set(own)
    assert all(torch.equal(again[name], own[name]) for name in own)
    assert config_from_hf(config_to_hf(CONFIG)) == CONFIG


def test_wrong_checkpoints_are_refused(encoder):
    weights = weights_to_hf(encoder)
    lacking = {n: t for n, t in weights.items() if "layer.1.output.dense.bias" not in n}
    with pytest.raises(ValueError, match=r"no tensor 'encoder.layer.1.output.dense.bias'; it is not the bert encoder"):
        weights_from_hf(lacking, CONFIG)
    weights["embeddings.word_embeddings.weight"] = torch.zeros(59, 16)
    with pytest.raises(
        ValueError,
        match=r"'words.weight' .embeddings.word_embeddings.weight. has shape \(59, 16\), the config says \(60, 16\)",
    ):
        weights_from_hf(weights, CONFIG)
    with pytest.raises(ValueError, match=f"expected one of {', '.join(FAMILIES)}, got 'roformer'"):
        config_from_hf({"model_type": "roformer"})
    with pytest.raises(ValueError, match="a row has 25 tokens but the encoder 24 positions"):
        encoder(Packed.of(np.zeros(25, dtype=int), np.array([25])))
    with pytest.raises(ValueError, match="unknown activation 'swish'"):
        EncoderConfig(vocab_size=5, activation="swish")
    with pytest.raises(ValueError, match="not a multiple of 3 heads"):
        EncoderConfig(vocab_size=5, hidden_size=16, heads=3)
    with pytest.raises(ValueError, match="ones followed by zeros"):
        encoder.encode_hidden(torch.ones(1, 3, dtype=torch.long), torch.tensor([[1, 0, 1]]))


def test_depth_counts_from_the_embeddings():
    encoder = BertEncoder(replace(CONFIG, layers=12))
    assert parameter_depth("encoder.words.weight", encoder) == 0
    assert parameter_depth("encoder.layers.11.up.bias", encoder) == 12
    assert parameter_depth("head.weight", encoder) == 13


@pytest.mark.parametrize("lengths", [[3, 9, 5], [6, 6], [1]])
def test_the_first_tokens_alone_are_those_of_all_tokens_with_the_same_gradients(encoder, lengths):
    ids, mask = padded(lengths)
    packed = Packed.of(ids[mask.bool()].numpy(), np.array(lengths))
    gradients = []
    states = []
    for first_only in (False, True):
        encoder.zero_grad()
        hidden = encoder(packed, first_only=first_only)
        states.append(hidden if first_only else hidden.index_select(0, packed.starts))
        states[-1].square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in encoder.parameters()])
    torch.testing.assert_close(states[1], states[0], atol=1e-6, rtol=1e-5)
    for alone, among_all in zip(*reversed(gradients), strict=True):
        torch.testing.assert_close(alone, among_all, atol=1e-5, rtol=1e-4)
