"""Heads and losses against the published GlobalPointer, closed forms and torch."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.encoders import BertEncoder, EncoderConfig, Packed
from engine.model.heads import (
    Batch,
    GlobalPointer,
    TaskModel,
    best_cells,
    class_loss,
    multilabel_loss,
    pool,
    rotate,
    span_loss,
)

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "globalpointer.json").read_text())
TINY = EncoderConfig(
    vocab_size=50, hidden_size=16, layers=2, heads=2, intermediate_size=32, dropout=0, attention_dropout=0
)


def oracle_logits(*, rope: bool) -> torch.Tensor:
    hidden = torch.tensor(ORACLE["H"])
    lengths = np.array(ORACLE["mask"]).sum(1).astype(int)
    packed = Packed.of(np.zeros(lengths.sum(), dtype=int), lengths)
    pointer = GlobalPointer(5, heads=ORACLE["heads"], head_size=ORACLE["head_size"], rope=rope)
    with torch.no_grad():
        pointer.project.weight.copy_(torch.tensor(ORACLE["kernel"]).T)
        states = torch.cat([row[:length] for row, length in zip(hidden, lengths, strict=True)])
        return pointer(states, packed)


@pytest.mark.parametrize(("key", "rope"), [("logits", True), ("logits_without_rope", False)])
def test_global_pointer_equals_the_oracle(key, rope):
    logits = oracle_logits(rope=rope)
    valid = torch.tensor(ORACLE["valid"], dtype=torch.bool).expand_as(logits)
    np.testing.assert_allclose(logits[valid], torch.tensor(ORACLE[key])[valid], atol=1e-6)
    assert torch.isneginf(logits[~valid]).all()


def test_losses_and_decisions_equal_the_oracle():
    logits = oracle_logits(rope=True)
    loss = multilabel_loss(logits, torch.tensor(ORACLE["y_true_ones"]))
    np.testing.assert_allclose(loss, ORACLE["multilabel_loss_per_batch_head"], atol=1e-5)
    assert loss.mean().item() == pytest.approx(ORACLE["multilabel_loss_mean"], abs=1e-6)
    nll = span_loss(logits[:, 0], torch.tensor(ORACLE["span_targets"]))
    np.testing.assert_allclose(nll, ORACLE["span_nll_head0"], atol=1e-6)
    best = best_cells(logits[:, 0])
    assert best[:, 1:3].int().tolist() == ORACLE["span_argmax_head0_excluding_row0_col0"]
    assert (logits > 0).nonzero().tolist() == ORACLE["predicted_positive"]


def test_rotation_keeps_norms_and_makes_products_relative():
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 8, generator=generator).expand(2, 10, 8)
    turned_query, turned_key = rotate(query, torch.arange(10)), rotate(key, torch.arange(10))
    torch.testing.assert_close(turned_query.norm(dim=-1), query.norm(dim=-1))
    scores = turned_query @ turned_key.T
    torch.testing.assert_close(scores[0, 3], scores[5, 8])
    assert abs(scores[0, 3] - scores[0, 4]) > 1e-3


def test_a_masked_span_target_is_refused():
    logits = oracle_logits(rope=True)[:, 0]
    with pytest.raises(ValueError, match=r"target span \[2, 1\] of a row is masked or ends before"):
        span_loss(logits, torch.tensor([[1, 2], [2, 1]]))


def test_label_smoothing_is_a_mixture():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    targets = torch.tensor([0])
    hard, smooth = class_loss(logits, targets), class_loss(logits, targets, smoothing=0.1)
    uniform = -logits.log_softmax(1).mean()
    assert smooth.item() == pytest.approx(0.9 * hard.item() + 0.1 * uniform.item(), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 10_000))
def test_pooling_of_packed_rows_equals_pooling_row_by_row(lengths, seed):
    packed = Packed.of(np.zeros(sum(lengths), dtype=int), np.array(lengths))
    hidden = torch.randn(sum(lengths), 3, generator=torch.Generator().manual_seed(seed))
    rows = hidden.split(lengths)
    torch.testing.assert_close(pool(hidden, packed, pooling="first"), torch.stack([row[0] for row in rows]))
    torch.testing.assert_close(pool(hidden, packed, pooling="mean"), torch.stack([row.mean(0) for row in rows]))
    torch.testing.assert_close(pool(hidden, packed, pooling="max"), torch.stack([row.max(0).values for row in rows]))


def model_and_batch(kind, **options):
    generator = torch.Generator().manual_seed(1)
    encoder = BertEncoder(TINY)
    encoder.initialize(generator)
    model = TaskModel(encoder, kind=kind, **options)
    model.initialize_head(generator)
    lengths = np.array([5, 7, 4, 6])
    packed = Packed.of(np.random.default_rng(0).integers(0, 50, lengths.sum()), lengths)
    return model, packed


def test_choices_of_a_question_share_one_softmax():
    model, packed = model_and_batch("choice")
    batch = Batch(packed, 2, torch.tensor([1, 0]))
    scores = model(batch)
    assert scores.shape == (4,)
    logits = model.by_example(scores, batch)
    expected = [-logits[0].log_softmax(0)[1], -logits[1].log_softmax(0)[0]]
    torch.testing.assert_close(model.loss(scores, batch), torch.stack(expected))
    assert np.stack(model.answers(scores)).tolist() == logits.flatten().tolist()


def test_entity_cells_above_zero_are_given_per_row():
    model, packed = model_and_batch("entities", n_labels=3)
    logits = torch.full((2, 3, 4, 4), -1.0)
    logits[1, 2, 0, 3] = 2.5
    first, second = model.answers(logits)
    assert first.shape == (0, 4)
    assert second.tolist() == [[2.0, 0.0, 3.0, 2.5]]
    assert model(Batch(packed, 4)).shape == (4, 3, 7, 7)


def test_a_row_without_any_span_says_so():
    assert best_cells(torch.zeros(1, 1, 1))[0].tolist() == [-math.inf, 0, 0, -math.inf]
    nothing = torch.full((1, 3, 3), -math.inf)
    nothing[0, 0, 0] = 1.0
    assert best_cells(nothing)[0, :3].tolist() == [-math.inf, 0, 0]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="unknown kind of task: 'x'"):
        TaskModel(BertEncoder(TINY), kind="x")
    with pytest.raises(ValueError, match="pooling must be one of"):
        TaskModel(BertEncoder(TINY), kind="pair", n_labels=2, pooling="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="head_size must be even, got 3"):
        GlobalPointer(4, heads=1, head_size=3)
