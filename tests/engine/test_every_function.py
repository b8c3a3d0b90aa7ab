"""Every public function of the engine that takes arrays: the right value, or a ValueError in one sentence.

A row of the table gives a call and arrays for it. Each array is then handed in as other types and layouts, as a list,
read-only, with NaN and infinities, empty, with one row, with one dimension more or less, as text, and times 1e-150 to
1e150. Where the numbers are the same the result must be; where they are others it must be what the row's law of scale
says, or a refusal: a ValueError that the engine itself raises, never one of numpy's. The functions are found by
importing the engine, so that a new one without a row fails.
"""

import dataclasses
from collections import Counter

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import ArrayLike

from engine.can import alternation, correct, evaluation, gain_map, methods, multi_label, simulation
from engine.dimension import attention_fit, cooccurrence, entropy, laplace, pip_loss, skipgram
from engine.embeddings import (
    few_sentences,
    intrinsic_dimension,
    pooling,
    search,
    similarity,
    streaming,
    whitening,
)
from engine.evidence import (
    calibration,
    class_report,
    intervals,
    joint,
    mean_difference,
    metrics,
    paired,
    reproduction,
    seeds,
    slices,
    stopping,
    two_classes,
    validation,
)
from engine.initialization import signal_propagation, singular_values
from engine.johnson_lindenstrauss import (
    angles,
    bounds,
    distortion,
    feature_hashing,
    hadamard,
    hashing,
    measured_dimension,
    norm_tails,
    pictures,
    point_clouds,
    proof,
    random_projection,
    randomized_svd,
)
from engine.model import batches
from engine.smoothing import convolution, families, floor, kernels, piecewise_linear, quadrature, staircase
from engine.text import decode
from tests.engine.refusals import annotations_of, check_refusal, public_functions, without_a_row

KINDS = ("i2", "i8", "u1", "bool", "f2", "f4", ">f8", "longdouble")  # one of each sign, width and order of bytes
FURTHER = ("i1", "i4", "u2", "u4", "u8", "f8", ">i4", ">f4")


def rng():
    return np.random.default_rng(0)


@dataclasses.dataclass(frozen=True)
class Row:
    """One function: how it is called, with which arrays, and what the scale of the numbers does to the result."""

    call: object
    arrays: dict
    scaled: dict | None = None  # array name -> power of the result, for arrays that may be multiplied
    tolerance: float = 1e-9
    single: float = 2e-3  # for half and single precision


def row(call, *, scaled=None, tolerance=1e-9, single=2e-3, **arrays):
    return Row(call, {name: np.asarray(value) for name, value in arrays.items()}, scaled or {}, tolerance, single)


PROBS = np.array([[0.5, 0.25, 0.25], [0.875, 0.0625, 0.0625], [0.25, 0.5, 0.25], [0.0625, 0.0625, 0.875]])
PRIOR = np.array([0.5, 0.25, 0.25])
LABELS = np.array([0, 0, 1, 2])
X = np.array([[1.0, 2, 0, 3], [0, 1, 5, 1], [4, 0, 1, 2], [2, 2, 1, 0], [3, 1, 0, 1], [0, 3, 2, 5]])
Y = np.array([[1.0, 0, 2, 1], [3, 1, 0, 2], [0, 2, 1, 4], [1, 5, 1, 0], [2, 0, 3, 1], [1, 1, 3, 2]])
COUNTS = np.array([[0.0, 3, 1], [3, 2, 4], [1, 4, 0]])
CODES = hashing.pack_bits(rng().random((6, 70)) < 0.5)
CURVE = np.array([-2.0, -1, 0, 1, 2])
POSITIVE = np.array([2.0, 3, 5, 8])
FITTED = whitening.fit_whitening(X, n_components=3)
MOMENTS = signal_propagation.Moments(np.ones((1, 4)), np.ones((1, 4)), np.ones((1, 3)))
PROBLEM = staircase.make_problem(rng(), rows=5, size=4)
RELU = convolution.smooth("relu", kernel="gaussian", width=0.5)
GATE = convolution.gate(kernel="logistic", width=0.5)
MAXIMUM = convolution.smooth_maximum(kernel="student", width=0.5)
UNITS = batches.make_units(np.array([2, 3, 4]), np.arange(3), grouped=False)
SKIPGRAM = skipgram.train_skipgram(COUNTS, n_components=2, rng=rng(), steps=5)
SVD = randomized_svd.randomized_svd(X, n_components=2, rng=rng())
COMPONENTS = point_clouds.fit_principal_components(X, n_components=2)
SRHT = hadamard.draw_srht(3, 4, rng=rng())
HALVES = np.tile([1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0], 12)
RIGHT_A = np.array([[1.0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
RIGHT_B = np.array([[1.0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 1, 0], [1, 1, 1], [1, 0, 0]])
SEEDS_A, SEEDS_B = np.array([0.5, 0.625, 0.5625]), np.array([0.75, 0.6875, 0.875])
SPREAD = joint.Spread((np.array([0.25, 0.5]),), (2,), np.array([0.5, 1.0]))
WORDS = ["一", "二", "东", "南", "红", "黄"]


def curve(function):
    """A row for a function of numbers of any shape."""
    return row(lambda x: function(x), x=CURVE)


TABLE = {
    # can
    "can.alternation.correct_rows": row(alternation.correct_rows, rows=PROBS, reference=PROBS, prior=PRIOR),
    "can.alternation.correct_together": row(alternation.correct_together, rows=PROBS, reference=PROBS, prior=PRIOR),
    "can.alternation.each_correction": row(
        lambda **arrays: next(alternation.each_correction(**arrays)), rows=PROBS, reference=PROBS, prior=PRIOR
    ),
    "can.alternation.each_correction_together": row(
        lambda **arrays: next(alternation.each_correction_together(**arrays)), rows=PROBS, reference=PROBS, prior=PRIOR
    ),
    "can.correct.corrections": row(
        lambda probs, prior, reference: next(correct.corrections(probs, prior, k=2, reference=reference)),
        probs=PROBS,
        prior=PRIOR,
        reference=PROBS,
    ),
    "can.alternation.half_steps": row(
        lambda matrix, prior: [s.matrix for s in alternation.half_steps(matrix, prior)], matrix=PROBS, prior=PRIOR
    ),
    "can.correct.top_k_entropy": row(correct.top_k_entropy, probs=PROBS),
    "can.correct.uncertain_rows": row(lambda probs: correct.uncertain_rows(probs, k=2), probs=PROBS),
    "can.correct.alternating_normalization": row(
        lambda probs, prior, reference: correct.alternating_normalization(probs, prior, k=2, reference=reference),
        probs=PROBS,
        prior=PRIOR,
        reference=PROBS,
    ),
    "can.correct.alternating_normalization_cells": row(
        correct.alternating_normalization_cells, probs=PROBS, positive_rate=PRIOR
    ),
    "can.evaluation.evaluate": row(
        lambda labels, before, after, touched: evaluation.evaluate(labels, before, after, touched=touched, n_classes=3),
        labels=LABELS,
        before=[0, 1, 1, 2],
        after=[0, 0, 2, 2],
        touched=[1, 1, 0, 0],
    ),
    "can.evaluation.cross_fit": row(
        lambda labels, candidates: evaluation.cross_fit(labels, candidates, rng=rng()),
        labels=LABELS,
        candidates=[[0, 1, 1, 2], [0, 0, 2, 2]],
    ),
    "can.evaluation.accuracy_by_uncertainty": row(
        evaluation.accuracy_by_uncertainty, uncertainty=[0.25, 0.5, 1.0], correct=[1, 0, 1]
    ),
    "can.methods.can_probs": row(lambda probs, prior: methods.can_probs(probs, prior, k=2), probs=PROBS, prior=PRIOR),
    "can.methods.neighbour_probs": row(
        lambda probs, labels, prior: methods.neighbour_probs(probs, labels, prior, rng=rng()),
        probs=PROBS,
        labels=LABELS,
        prior=PRIOR,
        single=2e-2,
    ),
    "can.methods.score_methods": row(
        lambda probs, labels, touched: methods.score_methods(
            probs, labels, {"can": np.asarray(PROBS)}, touched=touched
        ),
        probs=PROBS,
        labels=LABELS,
        touched=[1, 1, 0, 0],
    ),
    "can.methods.cross_fitted_temperature": row(
        lambda probs, labels: methods.cross_fitted_temperature(probs, labels, rng=rng()), probs=PROBS, labels=LABELS
    ),
    "can.gain_map.gain_map": row(
        lambda biases, shifts: gain_map.gain_map(
            biases, shifts, n_classes=3, n_confident=9, rng=rng(), problems=2, rows=9
        ),
        biases=[0.0, 1.0],
        shifts=[0.0, 0.5],
    ),
    "can.gain_map.faults": row(gain_map.faults, probs=PROBS, labels=LABELS, prior=PRIOR, single=2e-2),
    "can.multi_label.micro_f1": row(multi_label.micro_f1, truth=np.eye(4), positive=np.eye(4)[::-1]),
    "can.simulation.find_signal": row(
        lambda labels, noise, offset: simulation.find_signal(labels, noise, offset, 0.75),
        labels=[0, 1, 2, 1],
        noise=PROBS - 0.25,
        offset=PRIOR,
    ),
    # dimension
    "dimension.attention_fit.fit_attention": row(
        lambda target: attention_fit.fit_attention(target, head_size=2, rng=rng(), steps=5), target=np.eye(3)
    ),
    "dimension.cooccurrence.cooccurrence_counts": row(
        lambda tokens: cooccurrence.cooccurrence_counts(tokens, 3, window=2), tokens=[0, 1, 2, 1, 0, 0, 2]
    ),
    "dimension.cooccurrence.mutual_information": row(
        cooccurrence.mutual_information, counts=COUNTS, scaled={"counts": 0}
    ),
    "dimension.cooccurrence.positive_pmi": row(cooccurrence.positive_pmi, counts=COUNTS, scaled={"counts": 0}),
    "dimension.cooccurrence.neighbour_score": row(
        lambda vectors: cooccurrence.neighbour_score(vectors, WORDS), vectors=X, scaled={"vectors": 0}
    ),
    "dimension.entropy.condensation_entropy": row(entropy.condensation_entropy, n=POSITIVE, rho=[1.0, 2, 1, 3]),
    "dimension.entropy.condensation_entropy_asymptote": row(entropy.condensation_entropy_asymptote, n=POSITIVE),
    "dimension.entropy.log_mean_exp": row(entropy.log_mean_exp, n=POSITIVE, rho=[1.0, 2, 1, 3]),
    "dimension.entropy.tilted_cosine": row(entropy.tilted_cosine, n=POSITIVE, rho=[1.0, 2, 1, 3]),
    "dimension.entropy.coefficient": row(lambda rho: entropy.coefficient(rho=rho), rho=POSITIVE),
    "dimension.entropy.dimension_for": row(entropy.dimension_for, vocabulary=[100.0, 50, 120]),
    "dimension.entropy.retrieval_threshold": row(entropy.retrieval_threshold, keys=POSITIVE),
    "dimension.entropy.scaled_attention_entropy": row(
        entropy.scaled_attention_entropy, head_size=POSITIVE, length=[4.0, 9, 2, 3]
    ),
    "dimension.laplace.exponent": row(laplace.exponent, theta=[0.25, 1.0, 3.0]),
    "dimension.laplace.parabola": curve(laplace.parabola),
    "dimension.laplace.log_mean_exp_by_laplace": row(laplace.log_mean_exp_by_laplace, n=POSITIVE),
    "dimension.laplace.tilted_density": row(lambda theta: laplace.tilted_density(theta, n=5), theta=[0.25, 1.0, 3.0]),
    "dimension.pip_loss.estimate_noise": row(
        pip_loss.estimate_noise, first=COUNTS, second=COUNTS.T + np.eye(3), scaled={"first second": 1}
    ),
    "dimension.pip_loss.estimate_signal": row(
        lambda singular_values: pip_loss.estimate_signal(singular_values, 0.0),
        singular_values=[9.0, 4, 1],
        scaled={"singular_values": 1},
    ),
    "dimension.pip_loss.simulate_pip_loss": row(
        lambda signal: pip_loss.simulate_pip_loss(signal, 0.0, rng=rng()).loss,
        signal=[9.0, 4, 1],
        scaled={"signal": 0},
        tolerance=1e-6,
    ),
    "dimension.skipgram.train_skipgram": row(
        lambda counts: skipgram.train_skipgram(counts, n_components=2, rng=rng(), steps=3), counts=COUNTS
    ),
    "dimension.skipgram.skipgram_loss": row(
        skipgram.skipgram_loss, centers=X[:3], contexts=Y[:3], seen=COUNTS, drawn=np.eye(3), single=1e-2
    ),
    "dimension.skipgram.noise_law": row(skipgram.noise_law, counts=COUNTS),
    "dimension.skipgram.information_kept": row(
        lambda counts: skipgram.information_kept(SKIPGRAM, counts), counts=COUNTS, scaled={"counts": 0}
    ),
    "dimension.skipgram.pip_distance": row(skipgram.pip_distance, first=X, second=Y, scaled={"first second": 0}),
    # embeddings
    "embeddings.few_sentences.whitened_cosines": row(
        few_sentences.whitened_cosines, embeddings=X, scaled={"embeddings": 0}, tolerance=1e-6
    ),
    "embeddings.intrinsic_dimension.two_nearest_dimension": row(
        intrinsic_dimension.two_nearest_dimension, embeddings=X, scaled={"embeddings": 0}, tolerance=1e-6
    ),
    "embeddings.streaming.streamed": row(lambda embeddings: streaming.streamed(embeddings), embeddings=X),
    "embeddings.pooling.reduce_tokens": row(
        lambda states, lengths: pooling.reduce_tokens(states, lengths, kind="mean"),
        states=X,
        lengths=[2, 1, 3],
        scaled={"states": 1},
    ),
    "embeddings.pooling.pool": row(
        lambda first, last: pooling.pool(
            pooling.parse_pooling("first-last-avg", layers=2),
            {pooling.View("mean", 1): first, pooling.View("mean", 2): last},
        ),
        first=X,
        last=Y,
        scaled={"first last": 1},
    ),
    "embeddings.search.top_k": row(
        lambda queries, corpus, exclude: search.top_k(queries, corpus, k=2, exclude=exclude)[0],
        queries=Y,
        corpus=X,
        exclude=[0, 1, 2, 3, 4, 5],
        scaled={"queries": 0, "corpus": 0},
    ),
    "embeddings.search.recall": row(search.recall, found=[[1, 2], [3, 4]], wanted=[[2, 5], [4, 3]]),
    "embeddings.search.reciprocal_ranks": row(search.reciprocal_ranks, found=[[1, 2], [3, 4]], target=[2, 9]),
    "embeddings.similarity.cosine_pairs": row(
        similarity.cosine_pairs, first=X, second=Y, scaled={"first": 0, "second": 0, "first second": 0}
    ),
    "embeddings.similarity.cosines_by_components": row(
        lambda first, second: similarity.cosines_by_components(first, second, [2, 4]),
        first=X,
        second=Y,
        scaled={"first": 0, "second": 0},
    ),
    "embeddings.similarity.unit_rows": row(similarity.unit_rows, vectors=X, scaled={"vectors": 0}),
    "embeddings.similarity.average_ranks": row(similarity.average_ranks, values=POSITIVE, scaled={"values": 0}),
    "embeddings.similarity.spearman": row(
        similarity.spearman, scores=POSITIVE, gold=[1.0, 0, 2, 2], scaled={"scores": 0, "gold": 0}
    ),
    "embeddings.similarity.sts_scores": row(
        lambda cosines, gold: similarity.sts_scores({"a": cosines}, {"a": gold}),
        cosines=[0.5, 0.25, 1.0, 0.0],
        gold=[1.0, 0, 2, 2],
        scaled={"gold": 0},
    ),
    "embeddings.similarity.sts_resampled": row(
        lambda cosines, gold, counts: similarity.sts_resampled({"a": cosines}, {"a": gold}, {"a": counts}),
        cosines=[0.5, 0.25, 1.0, 0.0],
        gold=[1.0, 0, 2, 2],
        counts=[[1, 1, 2, 0], [1, 1, 1, 1]],
    ),
    "embeddings.similarity.spearman_resampled": row(
        similarity.spearman_resampled,
        scores=POSITIVE,
        gold=[1.0, 0, 2, 2],
        counts=[[1, 1, 2, 0], [1, 1, 1, 1]],
        scaled={"scores": 0, "gold": 0},
    ),
    "embeddings.similarity.percentile_interval": row(
        similarity.percentile_interval, values=POSITIVE, scaled={"values": 1}
    ),
    "embeddings.similarity.rank_gaps": row(
        similarity.rank_gaps, cosines=[0.5, 0.25, 1.0, 0.0], gold=[1.0, 0, 2, 2], scaled={"gold": 0}
    ),
    "embeddings.whitening.Whitening.transform": row(lambda embeddings: FITTED.transform(embeddings), embeddings=X),
    "embeddings.whitening.fit_whitening": row(
        lambda embeddings: np.abs(whitening.fit_whitening(embeddings).transform(embeddings)),
        embeddings=X,
        scaled={"embeddings": 0},
        tolerance=1e-6,
    ),
    "embeddings.whitening.WhiteningAccumulator.update": row(
        lambda embeddings: accumulated(embeddings), embeddings=X, scaled={"embeddings": 2}
    ),
    "embeddings.whitening.WhiteningAccumulator.from_state": row(
        lambda count, shift, total, scatter: whitening.WhiteningAccumulator.from_state(
            {"count": count, "shift": shift, "total": total, "scatter": scatter}
        ).second_moment(),
        count=[5, 0],
        shift=[1.0, 2, 3],
        total=[0.0, 1, 0],
        scatter=np.eye(3) * 4,
    ),
    "embeddings.whitening.effective_rank": row(
        whitening.effective_rank, eigenvalues=[4.0, 2, 1], scaled={"eigenvalues": 0}
    ),
    # evidence
    "evidence.calibration.reliability": row(calibration.reliability, confidence=[0.25, 0.5, 1.0], correct=[1, 0, 1]),
    "evidence.calibration.calibration_interval": row(
        calibration.calibration_interval, confidence=[0.25, 0.5, 1.0], correct=[1, 0, 1]
    ),
    "evidence.calibration.calibration_of": row(calibration.calibration_of, probs=PROBS, labels=LABELS),
    "evidence.calibration.expected_calibration_error": row(
        calibration.expected_calibration_error, probs=PROBS, labels=LABELS
    ),
    "evidence.calibration.log_loss": row(calibration.log_loss, probs=PROBS, labels=LABELS),
    "evidence.calibration.apply_temperature": row(lambda probs: calibration.apply_temperature(probs, 2.0), probs=PROBS),
    "evidence.calibration.fit_temperature": row(
        calibration.fit_temperature, probs=PROBS, labels=[0, 1, 1, 2], single=2e-2
    ),
    "evidence.calibration.logit_adjustment": row(calibration.logit_adjustment, probs=PROBS, train_prior=PRIOR),
    "evidence.calibration.saerens_em": row(
        lambda probs, train_prior: calibration.saerens_em(probs, train_prior).probs,
        probs=PROBS,
        train_prior=PRIOR,
        single=2e-2,
    ),
    "evidence.calibration.sinkhorn": row(calibration.sinkhorn, probs=PROBS, prior=PRIOR, single=2e-2),
    "evidence.class_report.class_report": row(
        lambda labels, preds: class_report.class_report(labels, preds, n_classes=3, rng=rng(), resamples=20),
        labels=LABELS,
        preds=[0, 1, 1, 2],
    ),
    "evidence.two_classes.two_class_scores": row(
        two_classes.two_class_scores, labels=[0, 1, 0, 1], positive=[0.25, 0.5, 0.125, 0.75]
    ),
    "evidence.intervals.check_sample": row(intervals.check_sample, values=POSITIVE, scaled={"values": 1}),
    "evidence.intervals.mean_interval": row(
        lambda values: intervals.mean_interval(values)[:3], values=POSITIVE, scaled={"values": 1}
    ),
    "evidence.intervals.mean_half_width": row(intervals.mean_half_width, samples=X, scaled={"samples": 1}),
    "evidence.intervals.proportion_bounds": row(intervals.proportion_bounds, successes=[0.0, 3, 9], n=[5.0, 10, 9]),
    "evidence.joint.compare_means": row(
        lambda a, b: joint.compare_means(a, b, paired=True), a=RIGHT_A, b=RIGHT_B, single=1e-2
    ),
    "evidence.joint.compare_counts": row(
        lambda a, b: joint.compare_counts([a, a], [b, a], paired.macro_f1_of_counts, paired=True),
        a=paired.class_counts([0, 1, 2, 0, 1, 2], [0, 1, 1, 0, 2, 2], n_classes=3),
        b=paired.class_counts([0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 1], n_classes=3),
    ),
    "evidence.joint.pseudo_values": row(
        lambda counts: joint.pseudo_values(counts, paired.macro_f1_of_counts),
        counts=paired.class_counts([0, 1, 2, 0, 1, 2], [0, 1, 1, 0, 2, 2], n_classes=3),
    ),
    "evidence.joint.residual_variance": row(
        lambda squares, seed_means, example_squares: joint.residual_variance(squares, seed_means, example_squares, n=9),
        squares=[9.0, 8],
        seed_means=[[0.5, 0.25], [0.75, 0.25]],
        example_squares=[2.0, 3],
    ),
    "evidence.joint.tolerance": row(
        lambda sampling, level: joint.tolerance(sampling, SPREAD, n=9, level=level),
        sampling=[0.25, 0.125],
        level=[0.5, 0.25],
    ),
    "evidence.joint.share_beside_seeds": row(joint.share_beside_seeds, residual_part=[0.25, 0], sampling=[0.5, 0]),
    "evidence.mean_difference.mean_difference_interval": row(
        lambda differences: mean_difference.mean_difference_interval(differences), differences=HALVES
    ),
    "evidence.mean_difference.mean_difference_intervals": row(
        lambda differences: mean_difference.mean_difference_intervals([HALVES, differences]), differences=HALVES
    ),
    "evidence.mean_difference.mean_difference_p": row(
        lambda differences: mean_difference.mean_difference_p(differences), differences=HALVES
    ),
    "evidence.mean_difference.tally": row(
        lambda differences: mean_difference.tally(differences, bound=1.0), differences=HALVES
    ),
    "evidence.mean_difference.score_variance": row(
        lambda values, counts, theta: mean_difference.score_variance(values, counts, theta, bound=1.0),
        values=[-1.0, 0, 1],
        counts=[2.0, 9, 4],
        theta=[0.0, 0.25],
    ),
    "evidence.paired.discordance": row(paired.discordance, correct_a=[1, 0, 1, 1], correct_b=[1, 1, 0, 1]),
    "evidence.paired.class_counts": row(
        lambda labels, preds: paired.class_counts(labels, preds, n_classes=3), labels=LABELS, preds=[0, 1, 1, 2]
    ),
    "evidence.paired.macro_f1_of_counts": row(
        paired.macro_f1_of_counts, sums=[[2.0, 1, 1, 0, 3, 0], [0, 0, 4, 1, 1, 1]]
    ),
    "evidence.paired.holm": row(paired.holm, p_values=[0.25, 0.0, 1.0, 0.125]),
    "evidence.reproduction.reproduce": row(
        lambda scores: reproduction.reproduce(scores, 0.5, n_examples=900, fingerprint="f", official={"f"}).difference,
        scores=SEEDS_A,
    ),
    "evidence.seeds.compare_seeds": row(
        lambda a, b: scale_free(seeds.compare_seeds(a, b, paired=True)), a=SEEDS_A, b=SEEDS_B, scaled={"a b": 0}
    ),
    "evidence.seeds.sign_flip_test": row(seeds.sign_flip_test, differences=[1.0, -2, 3, 5], scaled={"differences": 0}),
    "evidence.seeds.probability_of_improvement": row(
        seeds.probability_of_improvement, scores_a=SEEDS_A, scores_b=SEEDS_B, scaled={"scores_a scores_b": 0}
    ),
    "evidence.slices.slices_that_differ": row(
        lambda differences, inside: slices.slices_that_differ(differences, {"a": inside}, rng=rng()),
        differences=HALVES,
        inside=np.arange(96) % 2 == 0,
    ),
    "evidence.stopping.look": row(
        lambda a, b: stopping.look({"a": a, "b": b}, plan=stopping.Plan(2, 5), within=0.01).at_most,
        a=RIGHT_A,
        b=RIGHT_B,
        single=1e-2,
    ),
    "evidence.metrics.accuracy": row(metrics.accuracy, labels=LABELS, preds=[0, 1, 1, 2]),
    "evidence.metrics.macro_f1": row(
        lambda labels, preds: metrics.macro_f1(labels, preds, n_classes=3), labels=LABELS, preds=[0, 1, 1, 2]
    ),
    "evidence.metrics.confusion": row(
        lambda labels, preds: metrics.confusion(labels, preds, n_classes=3), labels=LABELS, preds=[0, 1, 1, 2]
    ),
    "evidence.validation.check_probs": row(validation.check_probs, probs=PROBS),
    "evidence.validation.check_prior": row(lambda prior: validation.check_prior(prior, 3), prior=PRIOR),
    # initialization
    "initialization.signal_propagation.rescale": row(
        lambda ratios: signal_propagation.rescale(MOMENTS, ratios), ratios=[2.0, 4, 1]
    ),
    "initialization.singular_values.singular_value_density": row(
        lambda values: singular_values.singular_value_density(values, fan_in=4, fan_out=9, variance=1.0),
        values=POSITIVE,
    ),
    # johnson_lindenstrauss
    "johnson_lindenstrauss.angles.angle_density": row(lambda theta: angles.angle_density(theta, n=5), theta=CURVE),
    "johnson_lindenstrauss.angles.angle_density_normal": row(
        lambda theta: angles.angle_density_normal(theta, n=5), theta=CURVE
    ),
    "johnson_lindenstrauss.angles.angle_quantile": row(
        lambda probability: angles.angle_quantile(probability, n=5), probability=[0.0, 0.25, 1.0]
    ),
    "johnson_lindenstrauss.angles.cosine_tail": row(
        lambda n, threshold: angles.cosine_tail(n, threshold=threshold), n=[2.0, 5, 9], threshold=[0.0, 0.25, 1.0]
    ),
    "johnson_lindenstrauss.angles.max_cosine": row(
        lambda n_samples, n: angles.max_cosine(n_samples, n=n), n_samples=[10.0, 20, 30], n=[2.0, 5, 9]
    ),
    "johnson_lindenstrauss.bounds.jl_dim": row(
        lambda n_samples, eps, delta: bounds.jl_dim(n_samples, eps=eps, delta=delta),
        n_samples=[10.0, 100, 120],
        eps=[0.25, 0.5, 0.75],
        delta=[0.5, 0.25, 1.0],
    ),
    "johnson_lindenstrauss.bounds.sklearn_dim": row(
        lambda n_samples, eps: bounds.sklearn_dim(n_samples, eps=eps), n_samples=[10.0, 100, 120], eps=[0.25, 0.5, 0.75]
    ),
    "johnson_lindenstrauss.bounds.success_probability": row(
        lambda n_components: bounds.success_probability(10, n_components, eps=0.5), n_components=[10.0, 60, 100]
    ),
    "johnson_lindenstrauss.bounds.is_useless": row(
        lambda n_components: bounds.is_useless(n_components, 50), n_components=[10.0, 60, 100]
    ),
    "johnson_lindenstrauss.distortion.distortion": row(
        lambda x, y: spread(distortion.distortion(x, y)), x=X, y=Y, scaled={"x y": 0}, single=1e-2
    ),
    "johnson_lindenstrauss.feature_hashing.hash_features": row(
        lambda x: feature_hashing.hash_features(x, n_components=3, rng=rng()), x=X, scaled={"x": 1}
    ),
    "johnson_lindenstrauss.hadamard.Srht.apply": row(lambda x: SRHT.apply(x), x=X, scaled={"x": 1}),
    "johnson_lindenstrauss.hadamard.hadamard_transform": row(hadamard.hadamard_transform, x=X, scaled={"x": 1}),
    "johnson_lindenstrauss.hashing.sign_hash": row(
        lambda x, center: hashing.sign_hash(x, n_bits=70, rng=rng(), center=center),
        x=X,
        center=[0.0, 0, 1, 0],
        scaled={"x center": 0},
    ),
    "johnson_lindenstrauss.hashing.pack_bits": row(hashing.pack_bits, bits=np.eye(4)),
    "johnson_lindenstrauss.hashing.hamming": row(hashing.hamming, a=CODES, b=CODES[::-1]),
    "johnson_lindenstrauss.hashing.collision_probability": row(hashing.collision_probability, cosine=[-1.0, 0, 0.5, 1]),
    "johnson_lindenstrauss.hashing.expected_raw_cosine": row(hashing.expected_raw_cosine, cosine=[-1.0, 0, 0.5, 1]),
    "johnson_lindenstrauss.hashing.raw_cosine": row(
        lambda distance: hashing.raw_cosine(distance, 64), distance=[0.0, 3, 64]
    ),
    "johnson_lindenstrauss.hashing.estimate_cosine": row(
        lambda distance: hashing.estimate_cosine(distance, 64), distance=[0.0, 3, 64]
    ),
    "johnson_lindenstrauss.hashing.cosine_standard_error": row(
        lambda cosine: hashing.cosine_standard_error(cosine, 64), cosine=[-1.0, 0, 0.5, 1]
    ),
    "johnson_lindenstrauss.hashing.candidate_probability": row(
        lambda agreement: hashing.candidate_probability(agreement, rows=2, bands=3), agreement=[0.0, 0.5, 1.0]
    ),
    "johnson_lindenstrauss.hashing.band_matches": row(
        lambda a, b: hashing.band_matches(a, b, rows=2, bands=2), a=np.eye(4), b=np.eye(4)[::-1]
    ),
    "johnson_lindenstrauss.hashing.nearest_by_hamming": row(
        lambda codes, queries: hashing.nearest_by_hamming(codes, queries, n_neighbors=2)[1],
        codes=CODES,
        queries=CODES[:2],
    ),
    "johnson_lindenstrauss.hashing.nearest_by_cosine": row(
        lambda x, queries: hashing.nearest_by_cosine(x, queries, n_neighbors=2),
        x=X,
        queries=Y,
        scaled={"x": 0, "queries": 0},
    ),
    "johnson_lindenstrauss.hashing.recall": row(hashing.recall, found=[[1, 2], [3, 4]], exact=[[2, 5], [4, 3]]),
    "johnson_lindenstrauss.measured_dimension.success_share": row(
        lambda x: measured_dimension.success_share(x, n_components=3, eps=0.9, kind="rademacher", trials=3, rng=rng()),
        x=X,
        scaled={"x": 0},
        single=1.0,
    ),
    "johnson_lindenstrauss.measured_dimension.measure_dimension": row(
        lambda x: measured_dimension.measure_dimension(x, eps=0.9, start=8, rng=rng(), trials=1).trials,
        x=X,
        scaled={"x": 0},
    ),
    "johnson_lindenstrauss.norm_tails.norm_tail": row(
        lambda n, eps: norm_tails.norm_tail(n, eps=eps), n=[2.0, 5, 9], eps=[0.25, 0.5, 0.75]
    ),
    "johnson_lindenstrauss.norm_tails.norm_tail_bound": row(
        lambda n, eps: norm_tails.norm_tail_bound(n, eps=eps), n=[2.0, 5, 9], eps=[0.25, 0.5, 0.75]
    ),
    "johnson_lindenstrauss.norm_tails.inner_product_tail": row(
        lambda n, eps: norm_tails.inner_product_tail(n, eps=eps), n=[2.0, 5, 9], eps=[0.25, 0.5, 0.75]
    ),
    "johnson_lindenstrauss.norm_tails.inner_product_tail_bound": row(
        lambda n, eps: norm_tails.inner_product_tail_bound(n, eps=eps), n=[2.0, 5, 9], eps=[0.25, 0.5, 0.75]
    ),
    "johnson_lindenstrauss.pictures.fitted": row(
        pictures.fitted, images=X, points=Y[:, :2], scaled={"images": 1, "points": 0}, tolerance=1e-6
    ),
    "johnson_lindenstrauss.pictures.squared_ratios": row(
        pictures.squared_ratios, before=X, after=Y, scaled={"before after": 0}
    ),
    "johnson_lindenstrauss.point_clouds.PrincipalComponents.transform": row(lambda x: COMPONENTS.transform(x), x=X),
    "johnson_lindenstrauss.point_clouds.fit_principal_components": row(
        lambda x: point_clouds.fit_principal_components(x, n_components=2).explained, x=X, scaled={"x": 0}
    ),
    "johnson_lindenstrauss.proof.chernoff_exponent": row(
        lambda lam: proof.chernoff_exponent(lam, n=9, eps=0.5), lam=[0.0, 1, 2]
    ),
    "johnson_lindenstrauss.proof.elementary_gap": row(proof.elementary_gap, eps=[0.0, 0.25, 0.5]),
    "johnson_lindenstrauss.proof.inner_product_sd": row(
        lambda cosine: proof.inner_product_sd(cosine, n=5), cosine=[-1.0, 0, 0.5, 1]
    ),
    "johnson_lindenstrauss.random_projection.project": row(
        lambda x: random_projection.project(x, n_components=3, kind="rademacher", rng=rng()), x=X, scaled={"x": 1}
    ),
    "johnson_lindenstrauss.random_projection.apply": row(
        lambda x: random_projection.apply(np.ones((2, 4)), x), x=X, scaled={"x": 1}
    ),
    "johnson_lindenstrauss.randomized_svd.randomized_svd": row(
        lambda matrix: randomized_svd.randomized_svd(matrix, n_components=2, rng=rng()).matrix(),
        matrix=X,
        scaled={"matrix": 1},
    ),
    "johnson_lindenstrauss.randomized_svd.range_finder": row(
        lambda matrix, omega: np.abs(randomized_svd.range_finder(matrix, omega)),
        matrix=X,
        omega=Y[:4, :2],
        scaled={"matrix": 0, "omega": 0},
    ),
    "johnson_lindenstrauss.randomized_svd.project_on": row(
        lambda matrix, basis: randomized_svd.project_on(matrix, basis).matrix(),
        matrix=X,
        basis=np.eye(6)[:, :2],
        scaled={"matrix": 1},
    ),
    "johnson_lindenstrauss.randomized_svd.post_recipe": row(
        lambda matrix, omega: randomized_svd.post_recipe(matrix, omega).matrix(),
        matrix=X,
        omega=Y[:4, :2],
        scaled={"matrix": 1, "omega": 0},
    ),
    "johnson_lindenstrauss.randomized_svd.repaired_recipe": row(
        lambda matrix, omega: randomized_svd.repaired_recipe(matrix, omega).matrix(),
        matrix=X,
        omega=Y[:4, :2],
        scaled={"matrix": 1, "omega": 0},
    ),
    "johnson_lindenstrauss.randomized_svd.optimal_error": row(
        lambda singular_values: randomized_svd.optimal_error(singular_values, 1),
        singular_values=[9.0, 4, 1],
        scaled={"singular_values": 1},
    ),
    "johnson_lindenstrauss.randomized_svd.expected_error_bound": row(
        lambda singular_values: randomized_svd.expected_error_bound(singular_values, 2, oversampling=2),
        singular_values=[9.0, 4, 1],
        scaled={"singular_values": 1},
    ),
    "johnson_lindenstrauss.randomized_svd.error": row(lambda matrix: randomized_svd.error(matrix, SVD), matrix=X),
    # model
    "model.batches.Units.expand": row(lambda units: UNITS.expand(units), units=[2, 0]),
    "model.batches.make_units": row(
        lambda lengths, example: batches.make_units(lengths, example, grouped=True).longest,
        lengths=[2, 3, 4, 5],
        example=[0, 0, 1, 2],
    ),
    "model.batches.real_share": row(
        lambda batch, lengths: batches.real_share(UNITS, [batch], lengths), batch=[0, 2], lengths=[2, 3, 4]
    ),
    "model.encoders.Packed.of": row(lambda tokens, lengths: packed(tokens, lengths), tokens=[5, 6, 7], lengths=[1, 2]),
    # smoothing
    "smoothing.convolution.Smoothed.__call__": curve(RELU),
    "smoothing.convolution.Smoothed.derivative": curve(RELU.derivative),
    "smoothing.convolution.Smoothed.second_derivative": curve(RELU.second_derivative),
    "smoothing.convolution.smooth": row(
        lambda f: convolution.smooth(f, kernel="gaussian", width=1.0)(0.5), f=[[-1.0, 0], [0, 1], [2, 2]]
    ),
    "smoothing.convolution.Gate.__call__": curve(GATE),
    "smoothing.convolution.Gate.derivative": curve(GATE.derivative),
    "smoothing.convolution.Gate.second_derivative": curve(GATE.second_derivative),
    "smoothing.convolution.Gate.gap": curve(GATE.gap),
    "smoothing.convolution.SmoothMaximum.__call__": row(lambda u, v: MAXIMUM(u, v), u=CURVE, v=CURVE[::-1]),
    "smoothing.convolution.SmoothMaximum.derivative": row(
        lambda u, v: MAXIMUM.derivative(u, v), u=CURVE, v=CURVE[::-1]
    ),
    "smoothing.convolution.SmoothMaximum.second_derivative": row(
        lambda u, v: MAXIMUM.second_derivative(u, v), u=CURVE, v=CURVE[::-1]
    ),
    "smoothing.families.softplus": curve(families.softplus),
    "smoothing.families.squareplus": curve(families.squareplus),
    "smoothing.families.gaussian_leaky_relu": curve(families.gaussian_leaky_relu),
    "smoothing.families.gelu_tanh": curve(families.gelu_tanh),
    "smoothing.families.gelu_sigmoid": curve(families.gelu_sigmoid),
    "smoothing.families.smu": curve(families.smu),
    "smoothing.families.smu_root": curve(families.smu_root),
    "smoothing.families.acon": curve(families.acon),
    "smoothing.families.smooth_max": curve(lambda x: families.smooth_max(x, sharpness=2.0)),
    "smoothing.families.weighted_max": curve(lambda x: families.weighted_max(x, sharpness=2.0)),
    "smoothing.floor.floor_window": curve(lambda x: floor.floor_window(x, kernel="logistic", width=0.5, low=3, high=3)),
    "smoothing.floor.smooth_floor": curve(lambda x: floor.smooth_floor(x, kernel="gaussian", width=0.2)),
    "smoothing.floor.smooth_floor_derivative": curve(
        lambda x: floor.smooth_floor_derivative(x, kernel="student", width=0.2)
    ),
    "smoothing.kernels.Kernel.cdf": curve(kernels.KERNELS["gaussian"].cdf),
    "smoothing.kernels.Kernel.ramp": curve(kernels.KERNELS["logistic"].ramp),
    "smoothing.kernels.inverse_tangent_integral": row(kernels.inverse_tangent_integral, y=[0.0, 0.25, 1.0]),
    "smoothing.piecewise_linear.PiecewiseLinear.__call__": curve(piecewise_linear.named("clip")),
    "smoothing.piecewise_linear.Staircase.__call__": curve(piecewise_linear.named("round")),
    "smoothing.quadrature.convolve": curve(lambda x: quadrature.convolve(np.tanh, x, kernel="gaussian", width=0.5)),
    "smoothing.staircase.Problem.loss": row(lambda theta: PROBLEM.loss(theta), theta=[1.0, 0, 2, 1]),
    "smoothing.staircase.Problem.smoothed": row(
        lambda theta: PROBLEM.smoothed(theta, kernel="gaussian", width=0.5), theta=[1.0, 0, 2, 1]
    ),
    "smoothing.staircase.descend": row(
        lambda start, widths: staircase.descend(PROBLEM, start, widths=widths).losses,
        start=[1.0, 0, 2, 1],
        widths=[1.0, 0.5],
    ),
    # text
    "text.decode.assign_groups": row(
        lambda scores: decode.assign_groups(scores, ["a", "a", "b"]), scores=[[3.0, 1, 0], [2, 1, 0], [0, 1, 2]]
    ),
}

ELSEWHERE = {
    "smoothing.errors.largest_difference": "takes two functions, no array",
    "evidence.mean_difference.bisect": "takes a function and the ends of ranges that the engine made",
    "evidence.mean_difference.bounds_around": "takes a function",
    "model.training.collate": "its array is a batch that the sampler made; test_training checks it",
    "evidence.metrics.score": "answers of a task and their probabilities: test_metrics and test_two_classes",
    "arrays": "the checks themselves: test_arrays",
    "evidence.reproduction.in_words": "says the refusals of `reproduce` instead of raising them",
    "evidence.stopping.Race.look": "hands its scores to `look`",
}
"""Functions, or a module, without a row, each with the reason."""


def spread(found):
    """What ties and the edges of bins do not move."""
    return found.n_pairs, found.n_equal, found.minimum, found.maximum, found.mean, found.sd


def scale_free(found):
    """What the unit of the scores does not change."""
    difference = found.difference
    return found.p_value, found.sign_flip_p, found.improvement, difference.low / difference.value


def accumulated(embeddings):
    accumulator = whitening.WhiteningAccumulator()
    accumulator.update(embeddings)
    return accumulator.second_moment()


def packed(tokens, lengths):
    from engine.model.encoders import Packed

    found = Packed.of(tokens, lengths)
    return found.tokens.numpy(), found.positions.numpy()


def takes_arrays(function):
    return any(word in text for text in annotations_of(function) for word in ("ndarray", "ArrayLike", str(ArrayLike)))


def test_every_function_that_takes_arrays_has_a_row():
    found = list(public_functions(takes_arrays))
    assert len(found) > 150
    missing = without_a_row(found, TABLE, ELSEWHERE)
    assert not missing, f"add a row to TABLE for {', '.join(missing)}"
    gone = [name for name in TABLE if name not in found]
    assert not gone, f"there is no such function any more: {', '.join(gone)}"


def flat(result):
    """All numbers of a result, one after the other."""
    if dataclasses.is_dataclass(result):
        return flat([getattr(result, field.name) for field in dataclasses.fields(result)])
    if isinstance(result, dict):
        return flat(list(result.values()))
    if isinstance(result, list | tuple):
        return np.concatenate([flat(part) for part in result]) if result else np.empty(0)
    if result is None or isinstance(result, str):
        return np.empty(0)
    return np.asarray(result, dtype=np.float64).ravel()


def outcome(case, arrays):
    """The numbers of the result, or None where the engine refused in one sentence of its own."""
    before = {name: np.array(value, copy=True) for name, value in arrays.items() if isinstance(value, np.ndarray)}
    try:
        result = flat(case.call(**arrays))
    except ValueError as error:
        refusal = error
    else:
        for name, value in before.items():
            np.testing.assert_array_equal(arrays[name], value, err_msg=f"{name} was changed")
        return result
    check_refusal(refusal)
    return None


def refused_or(case, arrays, expected, tolerance):
    found = outcome(case, arrays)
    if found is None:
        return "refused"
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * max(1e-300, float(np.nanmax(np.abs(expected), initial=0.0)))
    )
    return "right"


def same_numbers(value, kinds):
    """The same numbers as other types and layouts: name -> array or list."""
    for kind in kinds:
        with np.errstate(all="ignore"):
            cast = value.astype(kind)
            same = cast.dtype != value.dtype and np.array_equal(cast.astype(value.dtype), value)
        if same:
            yield kind, cast
    yield "fortran", np.asfortranarray(value)
    yield "list", value.tolist()
    if value.dtype != np.uint64:
        yield "a tensor", torch.from_numpy(np.array(value))
    if value.ndim:
        yield "polars", (pl.Series if value.ndim == 1 else pl.DataFrame)(value) if value.ndim < 3 else value
        strided = np.repeat(value, 2, axis=0)[::2]
        strided.flags.writeable = False
        yield "strided", strided
        yield "reversed", value[::-1].copy()[::-1]


def other_numbers(value):
    """What a function has to refuse, or to answer rightly without numpy's help: name -> array."""
    for name, bad in (("nan", np.nan), ("inf", np.inf), ("-inf", -np.inf)):
        if value.size and value.dtype != np.uint64:
            broken = value.astype(np.float64)
            broken.flat[value.size // 2] = bad
            yield name, broken
    yield "empty", value[:0] if value.ndim else np.empty(0)
    yield "one row", value[:1] if value.ndim else value[None]
    yield "no columns", value[..., :0] if value.ndim else np.empty((0, 0))
    yield "more dimensions", value[None]
    yield "a number", np.array(1.0)
    yield "text", np.full(value.shape, "a")
    yield "complex", value.astype(complex) + 1j
    yield "objects", np.full(value.shape, None)
    yield "dates", np.full(value.shape, np.datetime64("2020-01-01"))
    yield "bytes", np.full(value.shape, b"a")
    yield "masked", np.ma.array(value, mask=np.arange(value.size).reshape(value.shape) == 0)
    yield "of torch", torch.ones(value.shape, dtype=torch.bfloat16)
    yield "ragged", [[1.0, 2.0], [3.0]]


COUNT = Counter()


@pytest.fixture(scope="module", autouse=True)
def _count_at_the_end(request):
    yield
    total = (
        f"{len(TABLE)} functions, {sum(COUNT.values())} inputs: {COUNT['right']} answered, {COUNT['refused']} refused"
    )
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        request.config.get_terminal_writer().line(f"\n{total}")


@pytest.mark.parametrize("kinds", [KINDS, pytest.param(FURTHER, marks=pytest.mark.slow)], ids=["", "further"])
@pytest.mark.parametrize("name", TABLE)
def test_other_types_and_layouts_give_the_same_result(name, kinds):
    case = TABLE[name]
    plain = {key: value.copy() for key, value in case.arrays.items()}
    expected = outcome(case, plain)
    assert expected is not None
    for value in plain.values():
        value.flags.writeable = False
    assert refused_or(case, plain, expected, 0.0) == "right"
    for key, value in plain.items():
        for kind, other in same_numbers(value, kinds):
            tolerance = case.single if kind in ("f2", "f4", ">f4") else case.tolerance
            answer = refused_or(case, {**plain, key: other}, expected, tolerance)
            if kind in ("fortran", "strided", "reversed"):
                assert answer == "right", f"{key} as {kind} was refused"
            COUNT[answer] += 1


@pytest.mark.parametrize("name", TABLE)
def test_what_cannot_be_answered_is_refused_in_one_sentence(name):
    case = TABLE[name]
    for key, value in case.arrays.items():
        for kind, other in other_numbers(value):
            found = outcome(case, {**case.arrays, key: other})
            COUNT["refused" if found is None else "right"] += 1
            if (
                kind in ("nan", "text", "bytes", "masked", "of torch", "complex", "objects", "dates", "ragged")
                and (name, key, kind) not in NAN_IS_KNOWN
            ):
                assert found is None, f"{key} with {kind} gave {found[:5]}"
            if kind in ("inf", "-inf") and found is not None and (name, key, "nan") not in NAN_IS_KNOWN:
                assert not np.isnan(found).any(), f"{key} with {kind} gave NaN"


@pytest.mark.parametrize("name", TABLE)
def test_huge_and_tiny_numbers_give_no_nan(name):
    case = TABLE[name]
    known = name in CONSTANT_IS_NAN or np.isnan(outcome(case, case.arrays)).any()
    for key, value in case.arrays.items():
        for scale in (1e-150, 1e-20, 1e20, 1e150):
            if value.dtype != np.uint64:
                found = outcome(case, {**case.arrays, key: value * scale})
                COUNT["refused" if found is None else "right"] += 1
                assert found is None or known or not np.isnan(found).any(), f"{key} times {scale:g} gave NaN"
        for largest in (1.7e308, -1.7e308):
            with np.errstate(all="ignore"):
                found = outcome(case, {**case.arrays, key: np.full(value.shape, largest)})
            COUNT["refused" if found is None else "right"] += 1
            assert found is None or known or not np.isnan(found).any(), f"{key} all {largest:g} gave NaN"


CONSTANT_IS_NAN = {
    "embeddings.similarity.sts_resampled",  # cosines are rounded to 8 decimals, then all are 0
    "embeddings.similarity.spearman_resampled",
}
"""Correlations, which numbers that are all equal do not have."""

NAN_IS_KNOWN = {
    ("embeddings.similarity.percentile_interval", "values", "nan"),  # resamples without a value are left out
    ("evidence.intervals.mean_half_width", "samples", "nan"),  # of a number that is not finite it is NaN
}


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.scaled])
@pytest.mark.parametrize("scale", [1e-150, 1e-70, 1e-20, 1e20, 1e70, 1e150])
def test_the_scale_of_the_numbers_does_what_it_must(name, scale):
    case = TABLE[name]
    expected = outcome(case, case.arrays)
    for together, power in case.scaled.items():
        changed = {key: case.arrays[key] * scale for key in together.split()}
        with np.errstate(over="ignore", under="ignore"):
            wanted = expected * scale**power
        COUNT[refused_or(case, {**case.arrays, **changed}, wanted, max(case.tolerance, 1e-8))] += 1
