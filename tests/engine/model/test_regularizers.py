"""What strong teams add to fine-tuning: FGM, R-Drop and an average of the weights."""

import pytest
import torch

from engine.model.regularizers import WeightAverage, fgm, r_drop


def test_fgm_moves_by_eps_and_comes_back_bitwise():
    embedding = torch.randn(5, 3, requires_grad=True)
    before = embedding.detach().clone()
    with pytest.raises(ValueError, match="FGM needs a gradient"), fgm(embedding, eps=1.0):
        pass
    embedding.square().sum().backward()
    with fgm(embedding, eps=0.3):
        assert (embedding.detach() - before).norm().item() == pytest.approx(0.3, rel=1e-5)
        assert embedding.square().sum() > before.square().sum()
    assert torch.equal(embedding.detach(), before)


def test_r_drop_is_the_symmetric_divergence():
    p, q = torch.tensor([[0.2, 0.3, 0.5]]), torch.tensor([[0.6, 0.3, 0.1]])
    expected = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    assert r_drop(p.log(), q.log()).item() == pytest.approx(expected.item(), rel=1e-5)
    assert r_drop(p.log(), p.log() + 3).item() == pytest.approx(0, abs=1e-6)


def test_the_weight_average_follows_its_formula():
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average = WeightAverage(layer, decay=0.5)
    expected = 1.0
    for update, value in enumerate([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0], start=1):
        with torch.no_grad():
            layer.weight.fill_(value)
        average.update(layer)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * value
    with average.applied(layer):
        assert layer.weight.item() == pytest.approx(expected, rel=1e-6)
    assert layer.weight.item() == 1024.0
    with pytest.raises(ValueError, match=r"decay must be in \(0, 1\), got 1"):
        WeightAverage(layer, decay=1.0)
