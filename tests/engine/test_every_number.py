"""Every public function of the engine that takes single numbers: the right value, or a ValueError in one sentence.

A row of the table gives a function and numbers that it answers. Each number in turn is then replaced by NaN, infinity,
text, None, a list, a negative number, zero, and for whole numbers by a fraction. The engine may answer, with finite
numbers, or refuse; it may not fail with another error or answer NaN. The functions are found by importing the engine.
"""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from engine.can import correct, methods, multi_label, simulation
from engine.dimension import attention_fit, entropy, laplace, pip_loss
from engine.embeddings import few_sentences, similarity, trigrams, whitening
from engine.evidence import intervals, joint, metrics, paired, power, score_intervals, seeds, stopping, verdict
from engine.initialization import activation_moments, isometry, rules, samplers, signal_propagation, singular_values
from engine.johnson_lindenstrauss import (
    angles,
    bounds,
    feature_hashing,
    hadamard,
    hashing,
    norm_tails,
    pictures,
    point_clouds,
    proof,
    random_projection,
    randomized_svd,
)
from engine.model import batches, encoders, optimizers
from engine.smoothing import convolution, errors, kernels, piecewise_linear, staircase
from tests.engine.refusals import annotations_of, check_refusal, public_functions, without_a_row
from tests.engine.test_every_function import flat

RNG = np.random.default_rng(0)
PARTS = joint.Components(1e-4, 0.1, 0.1)
UNITS = batches.make_units(np.array([2, 3, 4]), np.arange(3), grouped=False)
WHITENING = whitening.fit_whitening(RNG.normal(size=(9, 4)))
ACTIVATION = activation_moments.find_activation("relu")
PROBLEM = simulation.simulate(simulation.Setting(n_classes=4, n_test=40, n_confident=40), rng=RNG)
LAYER = torch.nn.Linear(2, 2)
ENCODER = encoders.BertEncoder(
    encoders.EncoderConfig(vocab_size=9, hidden_size=8, layers=1, heads=2, intermediate_size=8)
)
TRIAL = verdict.Interval(0.01, -0.01, 0.03, 100)


def accumulator():
    """Sums of a few vectors."""
    found = whitening.WhiteningAccumulator()
    found.update(RNG.normal(size=(9, 4)))
    return found


def row(call, **numbers):
    """A function, and numbers that are replaced one by one."""
    return call, numbers


TABLE = {
    "can.correct.usable_k": row(
        lambda k, n_classes: correct.usable_k(k, n_classes=n_classes, uncertainty="paper"), k=2, n_classes=5
    ),
    "can.multi_label.simulate_cells": row(
        lambda rows, labels, rate, bias: multi_label.simulate_cells(rows, labels, rate=rate, bias=bias, rng=RNG),
        rows=3,
        labels=2,
        rate=0.5,
        bias=1.0,
    ),
    "can.simulation.outcome": row(
        lambda k, threshold: simulation.outcome(PROBLEM, k=k, threshold=threshold).can, k=2, threshold=0.5
    ),
    "can.methods.corrected_p": row(lambda p: methods.corrected_p([1.0, p, 0.5]), p=0.25),
    "dimension.attention_fit.attention_pattern": row(
        lambda length, sparsity: attention_fit.attention_pattern("sparse", length, rng=RNG, sparsity=sparsity),
        length=8,
        sparsity=2,
    ),
    "dimension.entropy.random_table_entropy": row(
        lambda vocabulary, n, rho: entropy.random_table_entropy(vocabulary, n, rng=RNG, rho=rho),
        vocabulary=9,
        n=4,
        rho=1.0,
    ),
    "dimension.entropy.retrieval_probability": row(
        lambda keys, n: entropy.retrieval_probability(keys, n, rng=RNG), keys=9, n=4
    ),
    "dimension.laplace.tilted_density": row(lambda n: laplace.tilted_density([0.5], n=n), n=5),
    "dimension.pip_loss.estimate_signal": row(lambda noise: pip_loss.estimate_signal([9.0, 4, 1], noise), noise=0.5),
    "embeddings.few_sentences.cosine_spread": row(few_sentences.cosine_spread, sentences=60, width=16),
    "embeddings.similarity.resample_counts": row(
        lambda size, resamples: similarity.resample_counts(size, resamples=resamples, rng=RNG), size=5, resamples=3
    ),
    "embeddings.trigrams.hashed_trigrams": row(
        lambda width, batch: trigrams.hashed_trigrams(["一二三四"], width=width, batch=batch), width=16, batch=2
    ),
    "embeddings.whitening.Whitening.reduced": row(
        lambda n_components, gamma: WHITENING.reduced(n_components, gamma=gamma).kernel, n_components=2, gamma=0.5
    ),
    "embeddings.whitening.WhiteningAccumulator.second_moment": row(
        lambda beta: accumulator().second_moment(beta=beta), beta=1.0
    ),
    "embeddings.whitening.WhiteningAccumulator.finish": row(
        lambda n_components, beta, gamma: accumulator().finish(n_components=n_components, beta=beta, gamma=gamma).mean,
        n_components=2,
        beta=1.0,
        gamma=0.5,
    ),
    "evidence.intervals.check_confidence": row(intervals.check_confidence, confidence=0.9),
    "evidence.intervals.proportion_interval": row(intervals.proportion_interval, successes=3.0, n=9),
    "evidence.metrics.is_better": row(
        lambda value, other: metrics.is_better("accuracy", value, other), value=1.0, other=0.0
    ),
    "evidence.score_intervals.auc_interval": row(
        lambda auc, n_positive, n_negative, confidence: score_intervals.auc_interval(
            auc, n_positive, n_negative, confidence=confidence
        ),
        auc=0.75,
        n_positive=20,
        n_negative=30,
        confidence=0.9,
    ),
    "evidence.paired.mcnemar_p": row(paired.mcnemar_p, only_a=3, only_b=9),
    "evidence.power.examples_needed": row(
        power.examples_needed, difference=0.01, mean_square=0.1, power=0.8, level=0.05
    ),
    "evidence.power.joint_power": row(
        lambda difference, seeds, examples, level: power.joint_power(
            difference, PARTS, seeds=seeds, examples=examples, level=level
        ),
        difference=0.01,
        seeds=5,
        examples=900,
        level=0.05,
    ),
    "evidence.power.examples_needed_again": row(
        lambda difference, seeds, power_, level: power.examples_needed_again(
            difference, PARTS, seeds=seeds, power=power_, level=level
        ),
        difference=0.05,
        seeds=5,
        power_=0.8,
        level=0.05,
    ),
    "evidence.power.seeds_needed_again": row(
        lambda difference, examples, power_, level: power.seeds_needed_again(
            difference, PARTS, examples=examples, power=power_, level=level
        ),
        difference=0.05,
        examples=900,
        power_=0.8,
        level=0.05,
    ),
    "evidence.power.seed_power": row(power.seed_power, seeds=5, effect=1.0, level=0.05),
    "evidence.power.seeds_needed": row(power.seeds_needed, difference=0.01, sd=0.01, power=0.8, level=0.05),
    "evidence.seeds.sign_flip_test": row(
        lambda resamples: seeds.sign_flip_test(np.arange(20.0), rng=np.random.default_rng(0), resamples=resamples),
        resamples=50,
    ),
    "evidence.stopping.Plan": row(
        lambda candidates, seeds, level: stopping.Plan(candidates, seeds, level).spent_at(3),
        candidates=3,
        seeds=5,
        level=0.05,
    ),
    "evidence.stopping.Plan.spent_at": row(stopping.Plan(3, 5).spent_at, seeds=4),
    "evidence.verdict.verdict": row(
        lambda p, confidence: verdict.verdict("a", "b", TRIAL, p_value=p, confidence=confidence), p=0.5, confidence=0.95
    ),
    "evidence.verdict.format_p": row(verdict.format_p, p_value=0.5),
    "initialization.activation_moments.Activation.mean": row(ACTIVATION.mean, q=1.0),
    "initialization.activation_moments.Activation.second_moment": row(ACTIVATION.second_moment, q=1.0),
    "initialization.activation_moments.Activation.derivative_second_moment": row(
        ACTIVATION.derivative_second_moment, q=1.0
    ),
    "initialization.activation_moments.leaky_relu": row(
        lambda slope: activation_moments.leaky_relu(slope).mean(1.0), slope=0.5
    ),
    "initialization.isometry.product_spectra": row(
        lambda width, depth, draws: isometry.product_spectra(RNG, width=width, depths=[1, depth], draws=draws),
        width=4,
        depth=3,
        draws=2,
    ),
    "initialization.rules.check_widths": row(lambda width: rules.check_widths([4, width]), width=8),
    "initialization.rules.fan_variance": row(
        lambda fan_in, fan_out, gain: rules.fan_variance(fan_in, fan_out, rule="geometric", gain=gain),
        fan_in=4,
        fan_out=9,
        gain=1.0,
    ),
    "initialization.rules.effective_dimension": row(
        lambda fan_in, fan_out: rules.effective_dimension(fan_in, fan_out, rule="geometric"), fan_in=4, fan_out=9
    ),
    "initialization.rules.objectives": row(rules.objectives, fan_in=4, fan_out=9, variance=0.5),
    "initialization.rules.squared_errors": row(rules.squared_errors, fan_in=4, fan_out=9, variance=0.5),
    "initialization.rules.stack_gains": row(
        lambda width, gain: rules.stack_gains([4, width, 4], rule="geometric", activation="relu", gain=gain),
        width=8,
        gain=1.0,
    ),
    "initialization.rules.resolve_gain": row(lambda gain: rules.resolve_gain(ACTIVATION, gain), gain=1.0),
    "initialization.rules.layer_variance": row(
        lambda layer, gain: rules.layer_variance([4, 8, 4], layer=layer, rule="geometric", gain=gain), layer=1, gain=1.0
    ),
    "initialization.rules.log_drift": row(rules.log_drift, width=4),
    "initialization.rules.stack_drift": row(lambda width: rules.stack_drift([4, width]), width=8),
    "initialization.rules.residual_factors": row(
        lambda depth: rules.residual_factors(depth, placement="post"), depth=4
    ),
    "initialization.rules.ordering": row(rules.ordering, fan_in=4, fan_out=9),
    "initialization.samplers.sample_standard": row(
        lambda fan_in, fan_out: samplers.sample_standard(RNG, fan_in, fan_out, law="normal"), fan_in=4, fan_out=9
    ),
    "initialization.signal_propagation.measure_spectrum": row(
        lambda fan_in, fan_out, draws: signal_propagation.measure_spectrum(
            RNG, fan_in, fan_out, law="normal", draws=draws
        ),
        fan_in=4,
        fan_out=9,
        draws=2,
    ),
    "initialization.signal_propagation.propagate_matrices": row(
        lambda width, gain, batch: signal_propagation.propagate_matrices(
            [4, width], rules=["geometric"], rng=RNG, gain=gain, batch=batch
        ),
        width=8,
        gain=1.0,
        batch=2,
    ),
    "initialization.signal_propagation.propagate_vectors": row(
        lambda width, gain, stacks: signal_propagation.propagate_vectors(
            [4, width], rule="geometric", rng=RNG, gain=gain, stacks=stacks
        ),
        width=8,
        gain=1.0,
        stacks=2,
    ),
    "initialization.singular_values.singular_value_edges": row(
        singular_values.singular_value_edges, fan_in=4, fan_out=9, variance=1.0
    ),
    "initialization.singular_values.condition_number": row(singular_values.condition_number, fan_in=4, fan_out=9),
    "initialization.singular_values.product_spectral_moments": row(singular_values.product_spectral_moments, depth=3),
    "johnson_lindenstrauss.angles.angle_variance": row(angles.angle_variance, n=5),
    "johnson_lindenstrauss.angles.sample_cosines": row(
        lambda count, n: angles.sample_cosines(count, n=n, rng=RNG), count=4, n=5
    ),
    "johnson_lindenstrauss.bounds.jl_dim": row(
        lambda eps, delta: bounds.jl_dim(10, eps=eps, delta=delta), eps=0.25, delta=0.5
    ),
    "johnson_lindenstrauss.feature_hashing.hashing_variance_factor": row(
        feature_hashing.hashing_variance_factor, q=0.5
    ),
    "johnson_lindenstrauss.hadamard.draw_srht": row(
        lambda n_components, n_features: hadamard.draw_srht(n_components, n_features, rng=RNG).matrix(),
        n_components=3,
        n_features=4,
    ),
    "johnson_lindenstrauss.hadamard.padded_length": row(hadamard.padded_length, n_features=5),
    "johnson_lindenstrauss.hashing.bits_for": row(
        lambda n_samples, eps: hashing.bits_for(n_samples, eps=eps), n_samples=10, eps=0.25
    ),
    "johnson_lindenstrauss.hashing.pairs_at_cosine": row(
        lambda cosine, count, n_features: hashing.pairs_at_cosine(cosine, count, n_features, RNG),
        cosine=0.5,
        count=3,
        n_features=4,
    ),
    "johnson_lindenstrauss.norm_tails.norm_tail": row(lambda eps: norm_tails.norm_tail([5], eps=eps), eps=0.5),
    "johnson_lindenstrauss.pictures.triangle": row(pictures.triangle, per_side=3),
    "johnson_lindenstrauss.pictures.kept_share": row(
        lambda n_samples, n, eps, draws: pictures.kept_share(n_samples, n, eps=eps, draws=draws, rng=RNG),
        n_samples=4,
        n=9,
        eps=0.5,
        draws=3,
    ),
    "johnson_lindenstrauss.point_clouds.cloud": row(
        lambda n_samples, n_features: point_clouds.cloud("gaussian", n_samples, n_features, rng=RNG),
        n_samples=4,
        n_features=3,
    ),
    "johnson_lindenstrauss.proof.best_lambda": row(lambda n, eps: proof.best_lambda(n=n, eps=eps), n=9, eps=0.5),
    "johnson_lindenstrauss.random_projection.choose_kind": row(
        random_projection.choose_kind, n_samples=9, n_features=4, n_components=2
    ),
    "johnson_lindenstrauss.random_projection.draw": row(
        lambda n_components, n_features: random_projection.draw("haar", n_components, n_features, rng=RNG),
        n_components=3,
        n_features=4,
    ),
    "johnson_lindenstrauss.random_projection.gaussian_matrix": row(
        lambda n_components, n_features: random_projection.gaussian_matrix(n_components, n_features, rng=RNG),
        n_components=3,
        n_features=4,
    ),
    "johnson_lindenstrauss.random_projection.sparse_matrix": row(
        lambda n_components, n_features, density: random_projection.sparse_matrix(
            n_components, n_features, density=density, rng=RNG
        ).toarray(),
        n_components=3,
        n_features=4,
        density=0.5,
    ),
    "johnson_lindenstrauss.random_projection.haar_matrix": row(
        lambda n_components, n_features: random_projection.haar_matrix(n_components, n_features, rng=RNG),
        n_components=3,
        n_features=4,
    ),
    "johnson_lindenstrauss.random_projection.variance_factor": row(
        lambda n_features, n_components, q: random_projection.variance_factor(
            "haar", n_features=n_features, n_components=n_components, q=q
        ),
        n_features=9,
        n_components=3,
        q=0.5,
    ),
    "johnson_lindenstrauss.randomized_svd.post_recipe_error": row(
        randomized_svd.post_recipe_error, frobenius=2.0, n_columns=9, rank=3
    ),
    "model.optimizers.learning_rate_factor": row(optimizers.learning_rate_factor, step=1, steps=4, warmup=2),
    "model.optimizers.parameter_groups": row(
        lambda learning_rate, weight_decay, layer_decay: [
            group["lr"]
            for group in optimizers.parameter_groups(
                LAYER, learning_rate=learning_rate, weight_decay=weight_decay, layer_decay=layer_decay
            )
        ],
        learning_rate=0.5,
        weight_decay=0.25,
        layer_decay=0.5,
    ),
    "model.optimizers.warmup_steps": row(optimizers.warmup_steps, steps=9, share=0.5),
    "model.encoders.set_dropout": row(lambda share: encoders.set_dropout(ENCODER, share), share=0.5),
    "model.batches.length_batches": row(
        lambda tokens_per_batch: list(batches.length_batches(UNITS, tokens_per_batch=tokens_per_batch, rng=RNG)),
        tokens_per_batch=8,
    ),
    "model.batches.random_batches": row(
        lambda n_units, batch_size: list(batches.random_batches(n_units, batch_size=batch_size, rng=RNG)),
        n_units=5,
        batch_size=2,
    ),
    "model.batches.sorted_batches": row(
        lambda tokens_per_batch: list(batches.sorted_batches(UNITS, tokens_per_batch=tokens_per_batch)),
        tokens_per_batch=8,
    ),
    "smoothing.convolution.gate": row(lambda width: convolution.gate(kernel="gaussian", width=width)(1.0), width=0.5),
    "smoothing.convolution.smooth_maximum": row(
        lambda width: convolution.smooth_maximum(kernel="gaussian", width=width)(1.0, 2.0), width=0.5
    ),
    "smoothing.errors.gate_supremum_error": row(
        lambda width: errors.gate_supremum_error("gaussian", width=width), width=0.5
    ),
    "smoothing.errors.matching_width": row(
        lambda width: errors.matching_width("gaussian", "logistic", width=width), width=0.5
    ),
    "smoothing.errors.minmax_width": row(
        lambda target_width: errors.minmax_width("gaussian", "logistic", target_width=target_width), target_width=1.0
    ),
    "smoothing.kernels.check_width": row(kernels.check_width, width=0.5),
    "smoothing.piecewise_linear.leaky_relu": row(lambda slope: piecewise_linear.leaky_relu(slope)([1.0]), slope=0.5),
    "smoothing.piecewise_linear.clip": row(
        lambda low, high: piecewise_linear.clip(low, high)([1.0]), low=-1.0, high=1.0
    ),
    "smoothing.piecewise_linear.indicator": row(
        lambda low, high: piecewise_linear.indicator(low, high)([1.0]), low=-1.0, high=1.0
    ),
    "smoothing.piecewise_linear.named": row(
        lambda slope: piecewise_linear.named("leaky_relu", slope=slope)([1.0]), slope=0.5
    ),
    "smoothing.piecewise_linear.from_knots": row(
        lambda x, y, left_slope, right_slope: piecewise_linear.from_knots(
            [[0, 0], [x, y]], left_slope=left_slope, right_slope=right_slope
        )([1.0]),
        x=1.0,
        y=2.0,
        left_slope=0.0,
        right_slope=1.0,
    ),
    "smoothing.staircase.make_problem": row(
        lambda rows, size, scale: staircase.make_problem(RNG, rows=rows, size=size, scale=scale).loss(np.zeros(size)),
        rows=5,
        size=4,
        scale=1.0,
    ),
    "smoothing.staircase.anneal": row(staircase.anneal, start=1.0, end=0.5, steps=4),
}

ELSEWHERE = {
    "arrays": "the checks themselves: test_arrays",
    "text": "texts and tasks with a length: the tests of each",
    "evidence.metrics": "texts and entities: test_metrics",
    "evidence.overlap": "examples: test_overlap",
    "evidence.score_intervals.score_interval": "a score that the engine gave: test_score_intervals",
    "evidence.validation": "names and their counts: test_calibration",
    "evidence.verdict.caveat": "takes a comparison",
    "dimension.cooccurrence": "texts",
    "embeddings.pooling": "a name: test_pooling",
    "model.batches.Sampler.epoch": "the number of an epoch, which the loop counts",
    "model.encoders.after_first": "a batch",
    "model.encoders.initialize_module": "a module: test_encoders",
    "model.optimizers.AdaFactor.step": "takes no number",
    "model.optimizers.adamw": "groups that parameter_groups made",
    "model.padded.padded": "a batch",
    "model.training": "models and their batches: test_training",
    "initialization.modules": "torch: test_modules",
    "initialization.activation_moments.find_activation": "a name",
    "smoothing.activations": "torch: test_activations",
    "smoothing.spelled_out": "functions that the engine made",
}
"""Functions, or whole modules, without a row, each with the reason."""


def takes_numbers(function):
    annotations = annotations_of(function)
    is_number = any(word in text for text in annotations for word in ("int", "float"))
    return is_number and not any("rray" in text or "Tensor" in text for text in annotations)


def test_every_function_that_takes_numbers_has_a_row():
    found = list(public_functions(takes_numbers))
    assert len(found) > 70
    missing = without_a_row(found, TABLE, ELSEWHERE)
    assert not missing, f"add a row to TABLE for {', '.join(missing)}"


def other_numbers(value):
    """What may stand in the place of a number: name -> value."""
    yield "nan", math.nan
    yield "infinity", math.inf
    yield "minus infinity", -math.inf
    yield "text", "a"
    yield "none", None
    yield "a list", [1, 2]
    yield "negative", -value
    yield "zero", type(value)(0)
    yield "of numpy", np.float32(value) if isinstance(value, float) else np.int64(value)
    if isinstance(value, int):
        yield "a fraction", value + 0.5
    else:
        yield "huge", 1e300
        yield "tiny", 1e-300


MAY_BE_NONE = {
    ("embeddings.whitening.WhiteningAccumulator.finish", "n_components"),
    ("johnson_lindenstrauss.bounds.jl_dim", "delta"),
}
NEVER = ("text", "a list")
COUNT: Counter[str] = Counter()


@pytest.mark.parametrize("name", TABLE)
def test_a_number_is_answered_or_refused_in_one_sentence(name):
    call, numbers = TABLE[name]
    assert not np.isnan(flat(call(**numbers))).any()
    for key, value in numbers.items():
        for kind, other in other_numbers(value):
            said = f"{key} as {kind}"
            try:
                found = flat(call(**{**numbers, key: other}))
            except ValueError as error:
                refusal = error
            else:
                refusal = None
            if refusal is not None:
                check_refusal(refusal)
                assert kind != "of numpy", f"{said} was refused: {refusal}"
                continue
            assert kind not in NEVER, f"{said} gave {found[:5]}"
            assert kind != "none" or (name, key) in MAY_BE_NONE, f"{said} gave {found[:5]}"
            assert not np.isnan(found).any(), f"{said} gave NaN"
            assert kind != "a fraction", f"{said} gave {found[:5]}"
