"""Measured second moments of signals and gradients in random stacks, to lay beside `engine.initialization.rules`.

Two ways that give the same law for Gaussian weights:

`propagate_matrices` draws every matrix, runs a batch forward and a random gradient back. Any law of weights. All rules
share the draws, which they only rescale; for positively homogeneous activations one pass serves all of them.

`propagate_vectors` never forms a matrix. Given its input x, y = x W is Gaussian with variance s |x|^2, and given y the
rest of W is untouched, so the backward pass needs only fresh numbers orthogonal to x (the conditioning technique of
Bolthausen, 2014): m + n random numbers a layer instead of m n, the same law, a hundred stacks in milliseconds.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import numbers, whole_number
from engine.initialization.activation_moments import Activation, find_activation
from engine.initialization.rules import Gain, check_widths, layer_variance, resolve_gain
from engine.initialization.samplers import sample_standard


@dataclass(frozen=True, slots=True)
class Moments:
    """Measured second moments, one row per random stack (seed) or batch of stacks.

    Shapes: forward and backward (seeds, L + 1), gradients (seeds, L); units as in `rules.StackGains`.
    """

    forward: np.ndarray
    backward: np.ndarray
    gradients: np.ndarray


def _variances(widths: Sequence[int], rule: str, gain: float) -> np.ndarray:
    return np.array([layer_variance(widths, layer, rule=rule, gain=gain) for layer in range(len(widths) - 1)])


def propagate_matrices(
    widths: Sequence[int],
    *,
    rules: Sequence[str],
    rng: np.random.Generator,
    activation: str | Activation = "linear",
    gain: Gain = 1.0,
    law: str = "normal",
    batch: int = 16,
) -> dict[str, Moments]:
    """Moments of one random stack under several rules that share its draws.

    Args:
        widths: (L + 1,) d_0, ..., d_L.
        rules: names in `engine.initialization.rules.RULES`.
        rng: source of randomness.
        activation: between the layers.
        gain: see `engine.initialization.rules.stack_gains`.
        law: a name in `engine.initialization.samplers.LAWS`.
        batch: examples (standard normal inputs and output gradients) averaged within the stack.

    Returns:
        Moments with one row (this stack) for each rule.

    Raises:
        ValueError: on bad widths, names, gain, or a batch below 1.
    """
    batch = whole_number(batch, name="batch", low=1)
    sizes, phi = check_widths(widths), find_activation(activation)
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    factor = resolve_gain(phi, gain)
    tables = {rule: _variances(sizes, rule, factor) for rule in rules}
    matrices = [sample_standard(rng, m, n, law=law) for m, n in itertools.pairwise(sizes)]
    inputs = rng.standard_normal((batch, sizes[0]), dtype=np.float32)
    deltas = rng.standard_normal((batch, sizes[-1]), dtype=np.float32)
    if phi.homogeneous:
        reference = _variances(sizes, "geometric", factor)
        moments = _run(matrices, np.sqrt(reference), inputs, deltas, phi)
        return {rule: rescale(moments, table / reference) for rule, table in tables.items()}
    return {rule: _run(matrices, np.sqrt(table), inputs, deltas, phi) for rule, table in tables.items()}


def _run(
    matrices: list[np.ndarray], stds: np.ndarray, inputs: np.ndarray, deltas: np.ndarray, phi: Activation
) -> Moments:
    outputs, reads = [inputs], []
    for layer, (matrix, std) in enumerate(zip(matrices, stds, strict=True)):
        reads.append(phi.function(outputs[-1]).astype(np.float32) if layer else inputs)
        outputs.append((reads[-1] @ matrix) * np.float32(std))
    backward, gradients, delta = [_mean_square(deltas)], [], deltas
    for layer in range(len(matrices) - 1, -1, -1):
        per_example = _row_mean_square(reads[layer]) * _row_mean_square(delta)
        gradients.append(float(per_example.mean()) / stds[layer] ** 2)
        delta = (matrices[layer] @ delta.T).T * np.float32(stds[layer])  # the order BLAS likes
        if layer:
            delta = delta * phi.derivative(outputs[layer]).astype(np.float32)
        backward.append(_mean_square(delta))
    forward = np.array([_mean_square(output) for output in outputs])
    scale = forward[0] * backward[0]
    back = np.array(backward[::-1]) / backward[0]
    return Moments((forward / forward[0])[None], back[None], (np.array(gradients[::-1]) / scale)[None])


def _mean_square(values: np.ndarray) -> float:
    return float(np.mean(np.square(values, dtype=np.float64)))


def _row_mean_square(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.mean(np.square(values, dtype=np.float64), axis=-1))


def rescale(moments: Moments, ratios: np.ndarray) -> Moments:
    """Moments of a stack with a positively homogeneous activation after its variances are multiplied by ratios (L,)."""
    ratios = numbers(ratios, name="ratios", shape=(moments.gradients.shape[-1],), dtype=np.float64)
    if not (ratios > 0).all():
        raise ValueError(f"ratios must be positive, got {ratios.min():g}")
    if np.abs(np.log(ratios)).sum() > 600:
        raise ValueError("the product of the ratios leaves the range of float64")
    before = np.concatenate([[1.0], np.cumprod(ratios)])  # (L + 1,)
    after = np.concatenate([np.cumprod(ratios[::-1])[::-1], [1.0]])
    gradients = moments.gradients * before[:-1] * after[1:] / ratios
    return Moments(moments.forward * before, moments.backward * after, gradients)


def propagate_vectors(
    widths: Sequence[int],
    *,
    rule: str,
    rng: np.random.Generator,
    activation: str | Activation = "linear",
    gain: Gain = 1.0,
    stacks: int = 100,
) -> Moments:
    """Moments of many independent Gaussian stacks, one example through each, without forming a matrix.

    Args:
        widths: (L + 1,) d_0, ..., d_L.
        rule: a name in `engine.initialization.rules.RULES`.
        rng: source of randomness.
        activation: between the layers.
        gain: see `engine.initialization.rules.stack_gains`.
        stacks: number of stacks, the rows of the result.

    Raises:
        ValueError: on bad widths, names, gain, or fewer than one stack.
    """
    stacks = whole_number(stacks, name="stacks", low=1)
    sizes, phi = check_widths(widths), find_activation(activation)
    if stacks < 1:
        raise ValueError(f"stacks must be at least 1, got {stacks}")
    stds = np.sqrt(_variances(sizes, rule, resolve_gain(phi, gain)))
    outputs, reads, draws = [_normal(rng, stacks, sizes[0])], [], []
    for layer, (n, std) in enumerate(zip(sizes[1:], stds, strict=True)):
        reads.append(phi.function(outputs[-1]) if layer else outputs[0])
        draws.append(_normal(rng, stacks, n))
        outputs.append(np.float32(std) * _norm(reads[-1]) * draws[-1])
    delta = _normal(rng, stacks, sizes[-1])
    backward, gradients = [_row_mean_square(delta)], []
    for layer in range(len(stds) - 1, -1, -1):
        gradients.append(_row_mean_square(reads[layer]) * _row_mean_square(delta) / stds[layer] ** 2)
        delta = np.float32(stds[layer]) * _transpose_product(rng, reads[layer], draws[layer], delta)
        if layer:
            delta = delta * phi.derivative(outputs[layer])
        backward.append(_row_mean_square(delta))
    forward = np.stack([_row_mean_square(output) for output in outputs], axis=1)
    back = np.stack(backward[::-1], axis=1)
    # the input's and the gradient's own fluctuations are no property of the weights: divide them out
    scale = forward[:, :1] * back[:, -1:]
    return Moments(forward / forward[:, :1], back / back[:, -1:], np.stack(gradients[::-1], axis=1) / scale)


def _transpose_product(rng: np.random.Generator, x: np.ndarray, draw: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """(stacks, m) rows of delta W^T for the standard Gaussian W of which only x W = |x| draw is known."""
    norm = _norm(x)
    direction = x / np.where(norm > 0, norm, 1)
    fresh = _normal(rng, *x.shape) * _norm(delta)
    along = np.sum(draw * delta, axis=1, keepdims=True) - np.sum(fresh * direction, axis=1, keepdims=True)
    return np.asarray(fresh + along * direction)


def _normal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.standard_normal((rows, columns), dtype=np.float32)


def _norm(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.sum(np.square(rows), axis=1, keepdims=True)))


def measure_spectrum(
    rng: np.random.Generator, fan_in: int, fan_out: int, *, law: str = "normal", draws: int = 1
) -> np.ndarray:
    """Singular values of random matrices with entry variance 1, all draws together, ascending; rules multiply them.

    Raises:
        ValueError: if a fan or draws is below 1, or the law is unknown.
    """
    draws = whole_number(draws, name="draws", low=1)
    spectra = []
    for _ in range(draws):
        matrix = sample_standard(rng, fan_in, fan_out, law=law).astype(np.float64)
        gram = matrix @ matrix.T if fan_in <= fan_out else matrix.T @ matrix
        spectra.append(np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0)))
    return np.sort(np.concatenate(spectra))
