import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

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
    with pytest.raises(ValueError, match="no linear, convolution, recurrent or attention weight"):
        initialize_module(nn.LayerNorm(4), rule="fan_in")
    with pytest.raises(ValueError, match="unknown law 'gauss'"):
        initialize_(torch.empty(3, 3), rule="fan_in", law="gauss")
    with pytest.raises(ValueError, match="unknown rule 'fanin'; did you mean 'fan_in'"):
        initialize_(torch.empty(3, 3), rule="fanin")


def initialized(module):
    return initialize_module(module, rule="geometric", generator=torch.Generator().manual_seed(0))


def variance(weight):
    return float(weight.detach().var())


def test_transposed_convolutions_have_their_fans_the_other_way_round():
    module = nn.ConvTranspose1d(200, 50, 4)  # weight (in, out, field)
    initialize_module(module, rule="fan_in", generator=torch.Generator().manual_seed(0))
    assert variance(module.weight) == pytest.approx(fan_variance(800, 200, rule="fan_in"), rel=0.02)


def test_a_group_of_a_convolution_is_a_matrix_of_its_own():
    module = nn.Conv1d(400, 800, 1, groups=4)
    initialize_module(module, rule="fan_out", generator=torch.Generator().manual_seed(0))
    assert variance(module.weight) == pytest.approx(fan_variance(100, 200, rule="fan_out"), rel=0.02)


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_every_gate_of_a_recurrent_layer_is_a_matrix_of_its_own(kind, gates):
    module = kind(64, 256)
    assert initialized(module) == ["weight_ih_l0", "weight_hh_l0"]
    assert module.weight_ih_l0.shape == (gates * 256, 64)
    assert variance(module.weight_ih_l0) == pytest.approx(1 / 128, rel=0.05)
    assert variance(module.weight_hh_l0) == pytest.approx(1 / 256, rel=0.05)
    assert not module.bias_ih_l0.any()
    cell = {nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell, nn.RNN: nn.RNNCell}[kind](64, 256)
    assert initialized(cell) == ["weight_ih", "weight_hh"]
    assert variance(cell.weight_ih) == pytest.approx(1 / 128, rel=0.05)


def test_query_key_and_value_of_attention_are_matrices_of_their_own():
    module = nn.MultiheadAttention(128, 4)
    assert initialized(module) == ["in_proj_weight", "out_proj.weight"]
    assert module.in_proj_weight.shape == (384, 128)
    assert variance(module.in_proj_weight) == pytest.approx(1 / 128, rel=0.05)
    assert not module.in_proj_bias.any()
    apart = nn.MultiheadAttention(128, 4, kdim=32, vdim=512)
    assert initialized(apart) == ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"]
    assert variance(apart.k_proj_weight) == pytest.approx(1 / 64, rel=0.05)


def test_a_tied_embedding_stays_and_a_shared_weight_is_drawn_once():
    module = nn.Sequential(nn.Embedding(50, 64), nn.Linear(64, 64), nn.Linear(64, 50, bias=False), nn.Linear(64, 64))
    module[2].weight = module[0].weight
    module[3].weight = module[1].weight
    before = module[0].weight.clone()
    assert initialized(module) == ["1.weight"]
    assert torch.equal(module[0].weight, before)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: parametrizations.weight_norm(nn.Linear(4, 6)), "computes its weight from other tensors"),
        (lambda: parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), "computes its weight from other tensors"),
        (lambda: parametrizations.orthogonal(nn.RNN(4, 4), "weight_hh_l0"), "computes its weight"),
        (lambda: prune.random_unstructured(nn.Linear(4, 6), "weight", 0.5), "computes its weight"),
        (lambda: nn.Sequential(nn.Linear(4, 4, device="meta")), "0.weight holds no numbers"),
    ],
)
def test_a_weight_that_is_no_tensor_of_its_own_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        initialize_module(make(), rule="geometric")


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("make", [lambda: nn.LazyLinear(4), lambda: nn.LazyConv2d(4, 3)])
def test_a_layer_without_a_shape_is_refused(make):
    with pytest.raises(ValueError, match="has no shape yet"):
        initialize_module(make(), rule="geometric")
