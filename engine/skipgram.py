"""Skip-gram with negative sampling, and what its vectors know.

For a pair (i, j) seen in the text and k words drawn from the noise law r ~ frequency^0.75 the loss is
-ln sigma(<u_i, v_j>) - sum ln sigma(-<u_i, v_noise>). Its optimum is <u_i, v_j> = ln p(j|i) / r_j - ln k (Levy and
Goldberg, 2014), so a table of vectors stands for the conditional law q(j|i) ~ r_j e^{<u_i, v_j>}. Of a held-out text it
keeps sum p(i, j) ln q(j|i) / p(j) nats, at most the mutual information of the text.

References: Mikolov et al. (2013), arXiv 1310.4546; Levy and Goldberg (2014), NeurIPS 27; Su Jianlin,
    kexue.fm/archives/8711.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special


@dataclass(frozen=True, slots=True)
class SkipGram:
    """Trained vectors."""

    centers: np.ndarray  # (V, n) float32, u
    contexts: np.ndarray  # (V, n) float32, v
    noise: np.ndarray  # (V,) law of the negative samples
    losses: np.ndarray  # (epochs,) mean training loss of a pair

    @property
    def norm_product(self) -> float:
        """Mean |u||v| / n; the entropy rule assumes 1."""
        u, v = np.linalg.norm(self.centers, axis=1), np.linalg.norm(self.contexts, axis=1)
        return float(u.mean() * v.mean() / self.centers.shape[1])

    def log_conditional(self) -> np.ndarray:
        """(V, V) ln q(j|i), rows normalised."""
        scores = (self.centers @ self.contexts.T).astype(np.float64) + np.log(self.noise)
        return np.asarray(scores - special.logsumexp(scores, axis=1, keepdims=True))


def train_skipgram(
    pairs: np.ndarray,
    *,
    n_words: int,
    n_components: int,
    rng: np.random.Generator,
    epochs: int = 3,
    negatives: int = 5,
    batch_size: int = 8192,
    learning_rate: float = 0.01,
    watch: Callable[[int, float], None] | None = None,
) -> SkipGram:
    """Train with Adam on shuffled pairs, the learning rate falling to zero.

    Args:
        pairs: (P, 2) int32 (center, context).
        n_words: V, 2 or more.
        n_components: n.
        rng: source of start, order and noise.
        epochs: passes over the pairs.
        negatives: k, noise words of a pair.
        batch_size: pairs of a step.
        learning_rate: at the start.
        watch: called after each step with its number and its mean loss.
    """
    import torch

    if n_words < 2:
        raise ValueError(f"a vocabulary of {n_words} has nothing to predict: 2 words or more are needed")
    if n_components < 1 or epochs < 1 or not len(pairs):
        raise ValueError(f"need n_components, epochs and pairs, got {n_components}, {epochs} and {len(pairs)} pairs")
    noise = noise_law(pairs, n_words)
    start = rng.standard_normal((2, n_words, n_components)).astype(np.float32) * np.float32(n_components**-0.5)
    centers, contexts = (torch.nn.Parameter(torch.from_numpy(part.copy())) for part in start)
    optimizer = torch.optim.Adam([centers, contexts], lr=learning_rate, betas=(0.9, 0.99))
    total = epochs * -(-len(pairs) // batch_size)
    losses, step = [], 0
    for _ in range(epochs):
        running = 0.0
        for batch in _batches(pairs, noise, negatives, batch_size, rng):
            optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / total)
            optimizer.zero_grad()
            loss = _loss(torch, centers, contexts, *batch)
            loss.backward()
            optimizer.step()
            step += 1
            value = float(loss.detach()) / len(batch[0])
            running += value * len(batch[0])
            if watch:
                watch(step, value)
        losses.append(running / len(pairs))
    return SkipGram(centers.detach().numpy(), contexts.detach().numpy(), noise, np.array(losses))


def noise_law(pairs: np.ndarray, n_words: int) -> np.ndarray:
    """Law of the negative samples: context frequency to the power 0.75; words never seen count half a time."""
    frequency = np.maximum(np.bincount(pairs[:, 1], minlength=n_words), 0.5) ** 0.75
    return np.asarray(frequency / frequency.sum())


def information_kept(model: SkipGram, counts: np.ndarray) -> float:
    """Nats that the vectors keep of a table of counts: sum p(i, j) ln q(j|i) / p(j).

    Args:
        model: trained vectors.
        counts: (V, V) co-occurrences of the text to be explained; of a held-out text for an honest figure.

    Returns:
        At most `cooccurrence.mutual_information(counts)`; negative if the vectors are worse than the frequencies.
    """
    joint = counts / counts.sum()
    marginal = joint.sum(axis=0)
    gain = model.log_conditional() - np.log(np.where(marginal > 0, marginal, 1.0))
    return float((joint * gain).sum())


def pip_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Relative pairwise-inner-product loss ||E E^T - F F^T|| / ||E E^T|| of two tables of the same words.

    Rotations of a table do not change it; (V, n) and (V, n') are compared without forming V x V matrices.
    """
    own = float((np.square(first.T @ first)).sum())
    other = float((np.square(second.T @ second)).sum())
    cross = float((np.square(first.T @ second)).sum())
    return float(np.sqrt(max(own + other - 2 * cross, 0.0) / own))


def _batches(
    pairs: np.ndarray, noise: np.ndarray, negatives: int, batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Shuffled (centers, contexts, noise words (B, k)) of one epoch."""
    order = rng.permutation(len(pairs))
    cumulative = np.cumsum(noise)
    for start in range(0, len(pairs), batch_size):
        batch = pairs[order[start : start + batch_size]].astype(np.int64)
        drawn = np.searchsorted(cumulative, rng.random((len(batch), negatives)) * cumulative[-1], side="right")
        yield batch[:, 0], batch[:, 1], np.minimum(drawn, len(noise) - 1)


def _loss(torch: Any, centers: Any, contexts: Any, middle: np.ndarray, right: np.ndarray, wrong: np.ndarray) -> Any:
    u = centers[torch.from_numpy(middle)]  # (B, n)
    v = contexts[torch.from_numpy(np.concatenate([right[:, None], wrong], axis=1))]  # (B, 1 + k, n)
    scores = torch.einsum("bn,bkn->bk", u, v)
    softplus = torch.nn.functional.softplus
    return softplus(-scores[:, 0]).sum() + softplus(scores[:, 1:]).sum()
