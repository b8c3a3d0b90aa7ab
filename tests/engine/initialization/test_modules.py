import pytest
import torch
from torch import nn

from engine.initialization.modules import initialize_, initialize_module, tensor_fans
from engine.initialization.rules import fan_variance


@pytest.mark.parametrize("law", ["normal", "uniform", "truncated", "orthogonal"])
def test_torch_samplers_have_the_variance_of_the_rule(law):
    weight = torch.empty(500, 200)  # torch keeps (out, in)
    initialize_(weight, rule="fan_in", law=law, generator=torch.Generator().manual_seed(0))
    assert float(weight.var()) == pytest.approx(fan_variance(200, 500, rule="fan_in"), rel=0.02)


def test_the_torch_default_is_the_rule_of_that_name():
    assert float(nn.Linear(768, 500).weight.detach().var()) == pytest.approx(
        fan_variance(768, 500, rule="torch"), rel=0.02
    )


def test_convolution_fans_include_the_receptive_field():
    assert tensor_fans(torch.empty(8, 4, 3, 5)) == (60, 120)
    with pytest.raises(ValueError, match="at least two dimensions"):
        tensor_fans(torch.empty(8))


def test_a_module_is_initialised_but_for_embeddings_and_norms():
    module = nn.Sequential(nn.Embedding(50, 64), nn.Linear(64, 256), nn.LayerNorm(256), nn.Conv1d(256, 64, 3))
    before = module[0].weight.clone()
    names = initialize_module(module, rule="geometric", generator=torch.Generator().manual_seed(1))
    assert names == ["1.weight", "3.weight"]
    assert torch.equal(module[0].weight, before)
    assert float(module[1].weight.detach().var()) == pytest.approx(1 / 128, rel=0.05)
    assert not module[1].bias.any()
    again = nn.Sequential(nn.Linear(64, 256))
    initialize_module(again, rule="geometric", generator=torch.Generator().manual_seed(1))
    assert torch.equal(again[0].weight, module[1].weight)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="no linear or convolution weight"):
        initialize_module(nn.LayerNorm(4), rule="fan_in")
    with pytest.raises(ValueError, match="unknown law 'gauss'"):
        initialize_(torch.empty(3, 3), rule="fan_in", law="gauss")
    with pytest.raises(ValueError, match="unknown rule 'fanin'; did you mean 'fan_in'"):
        initialize_(torch.empty(3, 3), rule="fanin")
