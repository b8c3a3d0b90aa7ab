"""Skip-gram with negative sampling, and what its vectors know.

For a pair (i, j) seen in the text and k words drawn from the noise law r ~ frequency^0.75 the loss is
-ln sigma(<u_i, v_j>) - sum ln sigma(-<u_i, v_noise>). A small vocabulary lets equal pairs be gathered in a table: with
C_ij pairs and N_ij noise pairs the loss of the whole text is sum C_ij softplus(-s_ij) + N_ij softplus(s_ij), s = U V^T,
and its gradient three matrix products. So every step sees the whole text; N is drawn anew every few steps.

The optimum is s_ij = ln p(j|i) / r_j - ln k (Levy and Goldberg, 2014), so the vectors stand for the conditional law
q(j|i) ~ r_j e^{s_ij}. Of a held-out text they keep sum p(i, j) ln q(j|i) / p(j) nats, at most its mutual information.

References: Mikolov et al. (2013), arXiv 1310.4546; Levy and Goldberg (2014), NeurIPS 27; Su Jianlin,
    kexue.fm/archives/8711.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from engine.arrays import check_products, number, numbers, whole_number

LARGEST_COUNT = 1e15  # Poisson counts are drawn around it
REDRAW = 5  # steps that share one draw of the noise words


@dataclass(frozen=True, slots=True)
class SkipGram:
    """Trained vectors."""

    centers: np.ndarray  # (V, n) float32, u
    contexts: np.ndarray  # (V, n) float32, v
    noise: np.ndarray  # (V,) law of the negative samples
    losses: np.ndarray  # (steps / REDRAW,) mean training loss of a pair, before each new draw of noise

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
    counts: np.ndarray,
    *,
    n_components: int,
    rng: np.random.Generator,
    steps: int = 300,
    negatives: int = 5,
    learning_rate: float = 0.05,
    watch: Callable[[int], None] | None = None,
) -> SkipGram:
    """Train with Adam (float32, cosine schedule to zero) on all pairs of a text.

    Args:
        counts: (V, V) how often context j stands near center i, see `cooccurrence.cooccurrence_counts`.
        n_components: n.
        rng: source of the start and of the noise words.
        steps: Adam steps.
        negatives: k, noise words of a pair.
        learning_rate: at the start.
        watch: called with the number of each step, for progress.

    Raises:
        ValueError: for a vocabulary of one word, or a table without pairs.
    """
    counts = numbers(counts, name="counts", dtype=np.float64, low=0, high=LARGEST_COUNT)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2:
        raise ValueError(f"counts must be (V, V) with 2 words or more (one word predicts nothing), got {counts.shape}")
    total = float(counts.sum())
    if n_components < 1 or steps < 1 or not total > 0:
        raise ValueError(f"need n_components, steps and pairs, got {n_components}, {steps} and {total} pairs")
    n_components, steps = whole_number(n_components, name="n_components"), whole_number(steps, name="steps")
    negatives, learning_rate = (
        whole_number(negatives, name="negatives", low=1),
        number(learning_rate, name="learning_rate", above=0),
    )
    noise = noise_law(counts)
    seen = (counts / total).astype(np.float32)
    parameters = (rng.standard_normal((2, len(counts), n_components)) * n_components**-0.5).astype(np.float32)
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    losses = []
    for step in range(steps):
        if step % REDRAW == 0:
            drawn = _draw_noise(counts, noise, negatives, rng)
            losses.append(skipgram_loss(parameters[0], parameters[1], seen, drawn))
        scores = parameters[0] @ parameters[1].T
        slope = special.expit(scores, out=scores)
        slope *= seen + drawn
        slope -= seen
        gradient = np.stack([slope @ parameters[1], slope.T @ parameters[0]])
        rate = learning_rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        _adam(parameters, gradient, first, second, step=step + 1, rate=rate)
        if watch:
            watch(step)
    return SkipGram(parameters[0], parameters[1], noise, np.array(losses))


def skipgram_loss(centers: np.ndarray, contexts: np.ndarray, seen: np.ndarray, drawn: np.ndarray) -> float:
    """Mean loss of a pair, in nats, summed over its true context and its noise words.

    Args:
        centers: (V, n).
        contexts: (V, n).
        seen: (V, V) shares of the pairs, sum 1.
        drawn: (V, V) noise pairs in the same unit, sum k.
    """
    centers = numbers(centers, name="centers", shape=("V", "n"))
    contexts = numbers(contexts, name="contexts", shape=centers.shape)
    seen = numbers(seen, name="seen", shape=(len(centers), len(centers)), low=0)
    drawn = numbers(drawn, name="drawn", shape=(len(centers), len(centers)), low=0)
    check_products(centers, contexts, "centers", "contexts")
    scores = centers @ contexts.T
    softplus = np.logaddexp(0, scores)
    return float((seen * (softplus - scores) + drawn * softplus).sum(dtype=np.float64))


def noise_law(counts: np.ndarray) -> np.ndarray:
    """Law of the negative samples: context frequency to the power 0.75; words never seen count half a time."""
    counts = numbers(counts, name="counts", shape=("V", "V"), dtype=np.float64, low=0, high=1e300, empty=False)
    frequency = np.maximum(counts.sum(axis=0), 0.5) ** 0.75
    return np.asarray(frequency / frequency.sum())


def information_kept(model: SkipGram, counts: np.ndarray) -> float:
    """Nats that the vectors keep of a table of counts: sum p(i, j) ln q(j|i) / p(j).

    Args:
        model: trained vectors.
        counts: (V, V) co-occurrences of the text to be explained; of a held-out text for an honest figure.

    Returns:
        At most `cooccurrence.mutual_information(counts)`; negative if the vectors are worse than the frequencies.
    """
    size = len(model.centers)
    counts = numbers(counts, name="counts", shape=(size, size), dtype=np.float64, low=0)
    largest = counts.max(initial=0.0)
    if not largest > 0:
        raise ValueError("counts must hold at least one pair, got a table of zeros")
    joint = counts / largest
    joint /= joint.sum()
    marginal = joint.sum(axis=0)
    gain = model.log_conditional() - np.log(np.where(marginal > 0, marginal, 1.0))
    return float((joint * gain).sum())


def pip_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Relative pairwise-inner-product loss ||E E^T - F F^T|| / ||E E^T|| of two tables of the same words.

    Rotations of a table do not change it; (V, n) and (V, n') are compared without forming V x V matrices.
    """
    first = numbers(first, name="first", shape=("V", "n"), dtype=np.float64)
    second = numbers(second, name="second", shape=(len(first), "n'"), dtype=np.float64)
    scale = np.abs(first).max(initial=0.0)
    if not scale > 0:
        raise ValueError("first must hold a vector that is not zero: the loss is relative to it")
    if np.abs(second).max(initial=0.0) > 1e70 * scale:
        raise ValueError(f"first and second differ in scale by more than 1e70 (first has entries up to {scale:.3g})")
    first, second = first / scale, second / scale
    own = float(np.square(first.T @ first).sum(dtype=np.float64))
    other = float(np.square(second.T @ second).sum(dtype=np.float64))
    cross = float(np.square(first.T @ second).sum(dtype=np.float64))
    return float(np.sqrt(max(own + other - 2 * cross, 0.0) / own))


def _draw_noise(counts: np.ndarray, noise: np.ndarray, negatives: int, rng: np.random.Generator) -> np.ndarray:
    """Noise words for every pair of the text, gathered in a (V, V) table and divided by the number of pairs.

    k c_i independent draws for a center with c_i pairs are Poisson counts around k c_i r_j up to their total.
    """
    expected = negatives * counts.sum(axis=1, keepdims=True) * noise
    return np.asarray((rng.poisson(expected) / counts.sum()).astype(np.float32))


def _adam(
    parameters: np.ndarray, gradient: np.ndarray, first: np.ndarray, second: np.ndarray, *, step: int, rate: float
) -> None:
    """One Adam step in place (beta 0.9, 0.99); the floor 1e-10 fits gradients that are shares of a pair."""
    first += np.float32(0.1) * (gradient - first)
    second += np.float32(0.01) * (gradient**2 - second)
    size = np.float32(rate / (1 - 0.9**step))
    parameters -= size * first / (np.sqrt(second / np.float32(1 - 0.99**step)) + np.float32(1e-10))
