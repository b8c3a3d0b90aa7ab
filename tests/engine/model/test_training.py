"""The loop: bitwise resume with every sampler and regularizer, equal gradients however batched, and loud stops."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.encoders import BertEncoder, EncoderConfig, Packed, after_first, set_dropout
from engine.model.heads import TaskModel
from engine.model.optimizers import adafactor, adamw, parameter_groups
from engine.model.training import NonFiniteError, Settings, Training, collate, predict
from engine.text.rows import Rows

ENCODER = EncoderConfig(vocab_size=30, hidden_size=16, layers=1, heads=2, intermediate_size=32, max_positions=32)


def make_rows(kind: str, n: int = 24) -> Rows:
    """Rows whose label can be read off: the first token is 5 + label."""
    rng = np.random.default_rng(0)
    choices = 2 if kind == "choice" else 1
    lengths = rng.integers(4, 12, n * choices)
    offsets = np.r_[0, np.cumsum(lengths)]
    tokens = rng.integers(8, 30, offsets[-1]).astype(np.int32)
    labels = rng.integers(0, 2, n)
    targets: object = labels
    if kind == "choice":
        tokens[offsets[:-1].reshape(n, 2)[np.arange(n), labels]] = 5
    elif kind == "span":
        targets = np.stack([np.ones(n, dtype=int), rng.integers(1, 4, n)], 1)
    elif kind == "entities":
        targets = [[(0, 1, 2)] if label else [] for label in labels]
    else:
        tokens[offsets[:-1]] = 5 + labels
    return Rows(
        tokens=tokens,
        offsets=offsets,
        example=np.repeat(np.arange(n), choices),
        n_examples=n,
        grouped=kind == "choice",
        targets=targets,
        head_mask=np.ones(len(tokens), dtype=np.uint8) if kind == "span" else None,
    )


def make(
    kind: str = "pair", *, dropout: float = 0.1, rows: Rows | None = None, blog: bool = False, **options
) -> Training:
    encoder = BertEncoder(EncoderConfig(**{**ENCODER.to_dict(), "dropout": dropout, "attention_dropout": dropout}))
    generator = torch.Generator().manual_seed(0)
    encoder.initialize(generator)
    model = TaskModel(encoder, kind=kind, n_labels=2)
    model.initialize_head(generator)
    optimizer = (adafactor if blog else adamw)(parameter_groups(model, learning_rate=5e-3))
    settings = Settings(**{"epochs": 2, "batch_size": 4, **options})
    return Training(model, optimizer, rows or make_rows(kind), settings, n_labels=2)


def run_to_the_end(training: Training, stop_at: int | None = None) -> list[float]:
    losses: list[float] = []

    def on_step(step) -> bool:
        losses.append(step.loss)
        return step.step == stop_at

    training.run(on_step)
    return losses


RECIPES = {
    "modern": {"tokens_per_batch": 60},
    "blog": {
        "precision": "bf16",
        "accumulation": 2,
        "schedule": "constant",
        "warmup": 0.0,
        "clip_norm": None,
        "blog": True,
    },
    "regularized": {"tokens_per_batch": 60, "fgm": 0.5, "ema": 0.9},
}
OFTEN = (("pair", "regularized"), ("choice", "modern"), ("span", "blog"), ("entities", "regularized"))


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [
        pytest.param(kind, recipe, marks=() if (kind, recipe) in OFTEN else pytest.mark.slow)
        for kind in ("pair", "choice", "span", "entities")
        for recipe in RECIPES
    ],
)
def test_a_resumed_training_is_bitwise_the_uninterrupted_one(kind, recipe):
    options = RECIPES[recipe]
    whole, first, second = make(kind, **options), make(kind, **options), make(kind, **options)
    losses = run_to_the_end(whole)
    start = run_to_the_end(first, stop_at=2)
    assert 0 < first.position < first.steps_of(0), "the stop must lie inside an epoch"
    torch.manual_seed(999)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert start + run_to_the_end(second) == losses
    for own, reference in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(own, reference)
    if whole.average is not None:
        assert all(torch.equal(second.average.weights[n], t) for n, t in whole.average.weights.items())


def test_rdrop_resumes_too_and_global_randomness_is_untouched():
    whole, first, second = (make(rdrop=1.0) for _ in range(3))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    losses = run_to_the_end(whole)
    assert torch.equal(before, torch.get_rng_state())
    start = run_to_the_end(first, stop_at=3)
    second.load_state_dict(first.state_dict())
    assert start + run_to_the_end(second) == losses


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([1, 2, 3, 6]), st.integers(0, 50))
def test_gradients_do_not_depend_on_how_an_update_is_cut_into_batches(batch_size, seed):
    rows = make_rows("pair", 6)
    weights = []
    for size, accumulation in ((6, 1), (batch_size, 6 // batch_size)):
        training = make(
            rows=rows, dropout=0.0, batch_size=size, accumulation=accumulation, epochs=1, seed=seed, blog=True
        )
        run_to_the_end(training)
        weights.append(training.model.head.weight.detach().clone())
    torch.testing.assert_close(weights[0], weights[1], atol=1e-6, rtol=1e-4)


def test_it_learns_and_evaluation_restores_the_order():
    training = make(epochs=12, tokens_per_batch=40, dropout=0.0)
    losses = run_to_the_end(training)
    assert np.mean(losses[-6:]) < 0.2 < np.mean(losses[:6])
    logits = np.stack(predict(training.model, training.rows))
    assert (logits.argmax(1) == training.rows.targets).mean() > 0.9
    one_by_one = np.stack(predict(training.model, training.rows, tokens_per_batch=1))
    np.testing.assert_allclose(logits, one_by_one, atol=1e-5)
    assert training.model.training


def test_non_finite_numbers_stop_the_training_before_they_are_learnt():
    training = make()
    run_to_the_end(training, stop_at=1)
    good = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    with torch.no_grad():
        training.model.head.bias[0] = float("nan")
    with pytest.raises(NonFiniteError, match=r"the loss is not finite at update 2 of 12 \(epoch 1\)"):
        run_to_the_end(training)
    with pytest.raises(NonFiniteError, match=r"the weight head.bias is not finite after update 1"):
        training.state_dict()
    assert torch.equal(training.model.encoder.words.weight, good["encoder.words.weight"])


def test_states_of_other_trainings_are_refused():
    state = make().state_dict()
    with pytest.raises(ValueError, match="belongs to another training: expected"):
        make(seed=7).load_state_dict(state)
    with pytest.raises(ValueError, match="belongs to another training"):
        make(epochs=3).load_state_dict(state)
    del state["random"]
    with pytest.raises(ValueError, match="the state of the training lacks random"):
        make().load_state_dict(state)


def test_bad_targets_and_settings_are_refused():
    rows = make_rows("pair")
    rows.targets[3] = -100
    with pytest.raises(ValueError, match="example 3 has label -100, expected 0 to 1"):
        make(rows=rows)
    with pytest.raises(ValueError, match="R-Drop needs one distribution per example; a span task has none"):
        make("span", rdrop=1.0)
    with pytest.raises(ValueError, match="must be at least 1, got 0, 1, 32"):
        Settings(epochs=0)


def test_questions_with_different_numbers_of_choices_are_answered_together():
    counts = [2, 3, 4, 2]
    lengths = np.random.default_rng(1).integers(4, 12, sum(counts))
    offsets = np.r_[0, np.cumsum(lengths)]
    rows = Rows(
        tokens=np.random.default_rng(2).integers(5, 30, offsets[-1]).astype(np.int32),
        offsets=offsets,
        example=np.repeat(np.arange(4), counts),
        n_examples=4,
        grouped=True,
        targets=None,
    )
    model = make("choice").model
    together, one_by_one = (np.stack(predict(model, rows, tokens_per_batch=size)) for size in (8192, 1))
    assert together.shape == (11,)
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)


def test_fgm_follows_the_gradient_of_its_own_batch_alone():
    def gradient(training: Training, *chosen: np.ndarray) -> torch.Tensor:
        training.model.zero_grad(set_to_none=True)
        for units in chosen:
            batch = collate(training.rows, training.units, units, training.model.kind)
            training._backward(batch, total=8)
        return training.model.encoder.words.weight.grad.clone()

    training = make(dropout=0.0, fgm=0.5)
    first, second = np.arange(4), np.arange(4, 8)
    alone = gradient(training, first) + gradient(training, second)
    torch.testing.assert_close(gradient(training, first, second), alone, atol=1e-6, rtol=1e-5)
    other = gradient(make(dropout=0.0, fgm=0.5), second, first)
    torch.testing.assert_close(other, alone, atol=1e-6, rtol=1e-5)


def test_the_loss_of_r_drop_is_that_of_the_authors_code():
    training = make(rdrop=3.0)
    batch = collate(training.rows, training.units, np.arange(4), training.model.kind)
    training.model.train()
    torch.manual_seed(1)
    found = training._loss(batch)
    torch.manual_seed(1)
    first, second = training.model(batch), training.model(batch)
    entropy = [torch.nn.functional.cross_entropy(logits, batch.targets, reduction="sum") for logits in (first, second)]
    p, q = first.log_softmax(1), second.log_softmax(1)
    divergence = (p.exp() * (p - q)).sum() + (q.exp() * (q - p)).sum()
    assert found.item() == pytest.approx((sum(entropy) / 2 + 3.0 / 2 * divergence).item(), rel=1e-5)


def test_segments_number_what_follows_the_first_separator():
    packed = Packed.of(np.array([2, 7, 3, 8, 9, 3, 2, 7, 7, 3]), np.array([6, 4]))
    assert after_first(packed, 3).tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    encoder = BertEncoder(ENCODER).eval()
    encoder.initialize(torch.Generator().manual_seed(0))
    plain = encoder(packed)
    encoder.config = dataclasses.replace(ENCODER, segment_end=3)
    numbered = encoder(packed)
    assert not torch.allclose(plain[:6], numbered[:6], atol=1e-4)
    torch.testing.assert_close(plain[6:], numbered[6:])


def test_dropout_is_set_everywhere():
    encoder = BertEncoder(ENCODER)
    set_dropout(encoder, 0.0)
    packed = Packed.of(np.arange(5), np.array([5]))
    assert torch.equal(encoder.train()(packed), encoder(packed))
    set_dropout(encoder, 0.3)
    assert not torch.equal(encoder(packed), encoder(packed))
    assert (encoder.config.dropout, encoder.config.attention_dropout) == (0.3, 0.3)
