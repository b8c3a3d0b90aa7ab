"""Which attention patterns does a head of size d reach? softmax(Q K^T) fitted to given rows of probabilities.

Q and K are free (L, d) matrices, logits are not scaled, the loss is the mean KL divergence of the rows and its gradient
is written out: with G = softmax(Q K^T) - P, dQ = G K / L and dK = G^T Q / L. A generic dense P needs d >= L - 1 (the
rank of the row-centred ln P); sparse patterns need about ln L. With norms that grow without limit, d = 2 already gets
every argmax of a permutation right (points on a circle), so norms and KL are reported beside the accuracy.

References: Su Jianlin, kexue.fm/archives/8711 (d > 8.33 ln L); Bhojanapalli et al. (2020), arXiv 2002.07028 (d >= L);
Likhosherstov et al. (2021), arXiv 2106.03764 (ln L for sparse patterns).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import special

from engine.arrays import number, numbers, whole_number

Pattern = Literal["permutation", "sparse", "banded", "dense"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)


@dataclass(frozen=True, slots=True)
class AttentionFit:
    """What a head of this size reached."""

    kl: float  # mean over rows, nats
    accuracy: float  # share of rows whose largest probability lies on a largest target
    support_mass: float  # mean mass on the keys that the target uses
    norm: float  # root mean |q||k| / d
    largest_logit: float
    curve: np.ndarray  # (steps,) mean KL


def attention_pattern(
    kind: Pattern, length: int, *, rng: np.random.Generator, sparsity: int = 4, bandwidth: int = 2
) -> np.ndarray:
    """Row-stochastic (L, L) target.

    Args:
        kind: "permutation" puts each row on one key; "sparse" uniformly on `sparsity` random keys; "banded" on the keys
            at most `bandwidth` away; "dense" draws rows from the flat Dirichlet law.
        length: L, more than sparsity.
        rng: source of the pattern.
        sparsity: keys of a sparse row.
        bandwidth: reach of the band.
    """
    length = whole_number(length, name="length", low=0)
    sparsity = whole_number(sparsity, name="sparsity", low=0)
    bandwidth = whole_number(bandwidth, name="bandwidth", low=0)
    if length < 2 or not 1 <= sparsity <= length or bandwidth < 0:
        raise ValueError(
            f"length must be 2 or more, sparsity in [1, length], bandwidth 0 or more, got length={length}, "
            f"sparsity={sparsity}, bandwidth={bandwidth}"
        )
    if kind == "permutation":
        return np.eye(length)[rng.permutation(length)]
    if kind == "sparse":
        target = np.zeros((length, length))
        chosen = rng.random((length, length)).argsort(axis=1)[:, :sparsity]
        np.put_along_axis(target, chosen, 1 / sparsity, axis=1)
        return target
    if kind == "banded":
        near = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) <= bandwidth
        return np.asarray(near / near.sum(axis=1, keepdims=True))
    if kind == "dense":
        return rng.dirichlet(np.ones(length), size=length)
    raise ValueError(f"kind must be one of {', '.join(PATTERNS)}, got {kind!r}")


def fit_attention(
    target: np.ndarray,
    *,
    head_size: int,
    rng: np.random.Generator,
    steps: int = 1000,
    learning_rate: float = 0.1,
    watch: Callable[[int], None] | None = None,
) -> AttentionFit:
    """Fit softmax(Q K^T) to a target by Adam with a cosine schedule, in float32.

    Args:
        target: (L, L) rows of probabilities.
        head_size: d.
        rng: source of the start, N(0, 1) d^{-1/4} entries so that logits start with variance 1.
        steps: Adam steps.
        learning_rate: at the start; falls to zero.
        watch: called with the step number, for progress.
    """
    target = numbers(target, name="target", shape=("L", "L"), dtype=np.float64, empty=False)
    learning_rate = number(learning_rate, name="learning_rate", above=0)
    if target.min() < 0 or not np.allclose(target.sum(axis=1), 1):
        raise ValueError(f"target must be square with rows of probabilities that sum to 1, got shape {target.shape}")
    if head_size < 1 or steps < 1:
        raise ValueError(f"head_size and steps must be 1 or more, got head_size={head_size}, steps={steps}")
    head_size, steps = whole_number(head_size, name="head_size"), whole_number(steps, name="steps")
    goal = target.astype(np.float32)
    entropy = -float(special.xlogy(target, target).sum()) / len(target)
    parameters = rng.standard_normal((2, len(target), head_size), dtype=np.float32) / np.float32(head_size**0.25)
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    curve = np.empty(steps)
    for step in range(steps):
        probs, cross_entropy = _softmax(parameters, goal)
        curve[step] = cross_entropy - entropy
        probs -= goal
        gradient = np.stack([probs @ parameters[1], probs.T @ parameters[0]]) / np.float32(len(target))
        rate = learning_rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        _adam(parameters, gradient, first, second, step=step + 1, rate=rate)
        if watch:
            watch(step)
    return _measure(parameters, goal, entropy, curve)


def _softmax(parameters: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, float]:
    """Row softmax of Q K^T and the mean cross-entropy to the goal."""
    logits = parameters[0] @ parameters[1].T
    logits -= logits.max(axis=1, keepdims=True)
    picked = np.einsum("ij,ij->i", goal, logits)
    np.maximum(logits, -60, out=logits)  # float32 numbers below e^-87 are subnormal, and slow
    np.exp(logits, out=logits)
    total = logits.sum(axis=1)
    logits /= total[:, None]
    return logits, float(np.mean(np.log(total) - picked, dtype=np.float64))


def _adam(
    parameters: np.ndarray, gradient: np.ndarray, first: np.ndarray, second: np.ndarray, *, step: int, rate: float
) -> None:
    """One Adam step in place (beta 0.9, 0.999)."""
    first += 0.1 * (gradient - first)
    second += 0.001 * (gradient**2 - second)
    size = np.float32(rate / (1 - 0.9**step))
    parameters -= size * first / (np.sqrt(second / np.float32(1 - 0.999**step)) + np.float32(1e-8))


def _measure(parameters: np.ndarray, goal: np.ndarray, entropy: float, curve: np.ndarray) -> AttentionFit:
    probs, cross_entropy = _softmax(parameters, goal)
    best = np.take_along_axis(goal, probs.argmax(axis=1)[:, None], axis=1)[:, 0]
    lengths = np.linalg.norm(parameters, axis=2)  # (2, length)
    return AttentionFit(
        kl=max(cross_entropy - entropy, 0.0),
        accuracy=float(np.mean(best >= goal.max(axis=1) * (1 - 1e-6))),
        support_mass=float((probs * (goal > 0)).sum(axis=1).mean()),
        norm=float(lengths[0].mean() * lengths[1].mean() / parameters.shape[2]),
        largest_logit=float(np.abs(parameters[0] @ parameters[1].T).max()),
        curve=curve,
    )
