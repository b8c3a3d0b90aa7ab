"""AdaFactor against the published trajectory; schedules and groups by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.model.encoders import BertEncoder, EncoderConfig, parameter_depth
from engine.model.heads import TaskModel
from engine.model.optimizers import AdaFactor, adafactor, adamw, learning_rate_factor, parameter_groups, warmup_steps

ROOT = Path(__file__).parents[3]
ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "adafactor.json").read_text())


@pytest.mark.parametrize(("block", "beta2"), [("schedule", None), ("beta2_fixed_0_9", 0.9)])
def test_adafactor_follows_the_oracle(block, beta2):
    kernel = torch.tensor(ORACLE["kernel0"], dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(ORACLE["bias0"], dtype=torch.float64, requires_grad=True)
    optimizer = AdaFactor([kernel, bias], lr=5e-4, beta2=beta2)
    for step, (kernel_grad, bias_grad) in enumerate(zip(ORACLE["grads_kernel"], ORACLE["grads_bias"], strict=True)):
        kernel.grad = torch.tensor(kernel_grad, dtype=torch.float64)
        bias.grad = torch.tensor(bias_grad, dtype=torch.float64)
        optimizer.step()
        np.testing.assert_allclose(kernel.detach(), ORACLE[block]["kernel_after"][step], atol=1e-10)
        np.testing.assert_allclose(bias.detach(), ORACLE[block]["bias_after"][step], atol=1e-11)


def test_adafactor_moves_a_tensor_by_a_share_of_its_size():
    small, large = (torch.full((4,), size, requires_grad=True) for size in (0.04, 4.0))
    optimizer = AdaFactor([small, large])
    for tensor in (small, large):
        tensor.grad = torch.ones(4)
    optimizer.step()
    assert 0.04 - small[0].item() == pytest.approx(0.1 * 5e-4 * 0.04, rel=1e-2)
    assert 4.0 - large[0].item() == pytest.approx(0.1 * 5e-4 * 4.0, rel=1e-2)


def test_learning_rate_rises_and_falls_linearly():
    factors = [learning_rate_factor(step, steps=10, warmup=4) for step in range(11)]
    np.testing.assert_allclose(factors, [0.25, 0.5, 0.75, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0])
    assert learning_rate_factor(9, steps=10, warmup=0, schedule="constant") == 1.0
    assert warmup_steps(101, 0.1) == 11
    with pytest.raises(ValueError, match="warmup=5"):
        learning_rate_factor(0, steps=4, warmup=5)


def small_model() -> TaskModel:
    encoder = BertEncoder(EncoderConfig(vocab_size=20, hidden_size=8, layers=2, heads=2, intermediate_size=16))
    return TaskModel(encoder, kind="pair", n_labels=2)


def test_layer_decay_shrinks_rates_towards_the_embeddings():
    model = small_model()
    groups = parameter_groups(
        model,
        learning_rate=1.0,
        weight_decay=0.01,
        layer_decay=0.5,
        depth_of=lambda n: parameter_depth(n, model.encoder),
        layers=2,
    )
    rates = {id(parameter): group["base_lr"] for group in groups for parameter in group["params"]}
    assert rates[id(model.head.weight)] == 1.0
    assert rates[id(model.encoder.layers[1].up.weight)] == 0.5
    assert rates[id(model.encoder.layers[0].norm.bias)] == 0.25
    assert rates[id(model.encoder.words.weight)] == rates[id(model.encoder.norm.bias)] == 0.125
    assert len(rates) == len(list(model.parameters()))


def test_weight_decay_spares_vectors():
    groups = parameter_groups(small_model(), learning_rate=1e-3, weight_decay=0.01)
    assert {(group["weight_decay"], parameter.ndim > 1) for group in groups for parameter in group["params"]} == {
        (0.01, True),
        (0.0, False),
    }
    with pytest.raises(ValueError, match=r"layer_decay must be in \(0, 1\], got 0"):
        parameter_groups(small_model(), learning_rate=1.0, layer_decay=0.0)
    with pytest.raises(ValueError, match="no weight decay"):
        adafactor(groups)


def test_adamw_steps_against_the_gradient():
    layer = nn.Linear(2, 1, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.tensor([[1.0, -2.0]])
    adamw(parameter_groups(layer, learning_rate=0.1)).step()
    torch.testing.assert_close(before - layer.weight.detach(), torch.tensor([[0.1, -0.1]]))


def twenty_steps(make):
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 3)
    optimizer = make([{"params": list(layer.parameters()), "lr": 1e-2, "weight_decay": 0.1}])
    for _ in range(20):
        layer(torch.randn(4, 5)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return layer.weight


def test_adamw_is_torchs():
    theirs = twenty_steps(lambda groups: torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, fused=True))
    assert torch.equal(twenty_steps(adamw), theirs)


ONE_STEP = """
import sys, torch
from engine.model.optimizers import adamw
layer = torch.nn.Linear(1, 1)
optimizer = adamw([{"params": list(layer.parameters()), "lr": 1e-2, "weight_decay": 0.1}])
layer(torch.ones(1)).backward()
optimizer.step()
print("torch._dynamo" in sys.modules)
"""


def test_adamw_does_not_import_torchs_compiler():
    done = subprocess.run([sys.executable, "-c", ONE_STEP], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
