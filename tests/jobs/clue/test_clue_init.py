"""The rule decides the variance of the linear layers and nothing else."""

import pytest
import torch

from engine.initialization.rules import fan_variance
from engine.model.encoders import BertEncoder, EncoderConfig
from jobs.clue.models.initial_weights import redraw


def test_every_matrix_gets_the_variance_of_its_shape():
    encoder = BertEncoder(EncoderConfig(vocab_size=40))
    encoder.initialize(torch.Generator().manual_seed(0))
    words = encoder.words.weight.detach().clone()
    assert encoder.layers[0].up.weight.std().item() < 0.021
    redraw(encoder, "geometric", generator=torch.Generator().manual_seed(1))
    layer = encoder.layers[0]
    for weight, fans in (
        (layer.up.weight, (128, 512)),
        (layer.qkv.weight, (128, 128)),
        (layer.down.weight, (512, 128)),
    ):
        expected = fan_variance(*fans, rule="geometric")
        assert weight.var().item() == pytest.approx(expected, rel=0.03)
    assert torch.equal(encoder.words.weight, words)
    with pytest.raises(ValueError, match="geometri"):
        redraw(encoder, "geometrik", generator=torch.Generator())
