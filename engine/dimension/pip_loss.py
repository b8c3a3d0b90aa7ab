"""The dimension of an embedding as a trade of bias against variance: the PIP loss of Yin and Shen.

An embedding is E = U_k D_k^alpha of a signal matrix M (here: positive PMI). A text only shows M + noise, so a
large k fits noise while a small k cuts signal. The loss ||E E^T - E_hat E_hat^T|| between the oracle and the estimated
embedding is simulated with the estimated spectrum and noise level; its minimum over k is the recommended dimension.

Reference: Yin and Shen (2018), arXiv 1812.04224.
"""

from dataclasses import dataclass

import numpy as np

from engine.arrays import number, numbers


@dataclass(frozen=True, slots=True)
class PipLoss:
    """Simulated loss of every number of dimensions."""

    dimensions: np.ndarray  # (K,) 1, 2, ..., K
    loss: np.ndarray  # (K,) relative to ||E E^T|| of the oracle
    noise: float  # estimated standard deviation of an entry of the signal matrix
    signal_rank: int  # singular values above the noise

    @property
    def best(self) -> int:
        """Dimension of least loss."""
        return int(self.dimensions[np.argmin(self.loss)])


def estimate_noise(first: np.ndarray, second: np.ndarray) -> float:
    """Noise of the signal matrix of a whole text from those of its two halves: ||M_1 - M_2||_F / (2 V)."""
    first = numbers(first, name="first", shape=("V", "V"), dtype=np.float64, empty=False)
    second = numbers(second, name="second", shape=("V", "V"), dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"both halves must be square matrices of one size, got {first.shape} and {second.shape}")
    half = (first - second) / 2
    scale = float(np.abs(half).max())
    return scale * float(np.sqrt(np.mean((half / scale) ** 2))) if scale > 0 else 0.0


def estimate_signal(singular_values: np.ndarray, noise: float) -> np.ndarray:
    """Singular values less what noise adds: max(0, s - 2 noise sqrt(V))."""
    singular_values = numbers(singular_values, name="singular_values", shape=("V",), low=0)
    noise = number(noise, name="noise", low=0)
    return np.asarray(np.maximum(singular_values - 2 * noise * np.sqrt(len(singular_values)), 0.0))


def simulate_pip_loss(signal: np.ndarray, noise: float, *, alpha: float = 0.5, rng: np.random.Generator) -> PipLoss:
    """PIP loss of every k for a random matrix of this spectrum seen through this noise.

    Args:
        signal: (V,) singular values in decreasing order, at least one positive.
        noise: standard deviation of the entries' noise.
        alpha: exponent of the embedding U D^alpha.
        rng: source of singular vectors and noise.
    """
    signal = numbers(signal, name="signal", shape=("V",), dtype=np.float64, low=0)
    if (np.diff(signal) > 0).any():
        raise ValueError("signal must hold singular values in decreasing order")
    alpha, noise = number(alpha, name="alpha", above=0), number(noise, name="noise", low=0)
    size, rank = len(signal), int((signal > 0).sum())
    if rank == 0:
        raise ValueError("no singular value rises above the noise: the text is too short to tell signal from noise")
    scale, level = float(signal[0]), noise / float(signal[0])
    signal = signal / scale  # the loss is relative: it does not change
    left, _ = np.linalg.qr(rng.standard_normal((size, rank)))
    right, _ = np.linalg.qr(rng.standard_normal((size, rank)))
    seen = (left * signal[:rank]) @ right.T + level * rng.standard_normal((size, size))
    seen_left, seen_values, _ = np.linalg.svd(seen)
    true, found = signal[:rank] ** (2 * alpha), seen_values ** (2 * alpha)
    overlap = (true[:, None] * (left.T @ seen_left) ** 2 * found).sum(axis=0)  # <E E^T, k-th part of the estimate>
    squared = (true**2).sum() + np.cumsum(found**2) - 2 * np.cumsum(overlap)
    loss = np.sqrt(np.maximum(squared, 0.0) / (true**2).sum())
    return PipLoss(np.arange(1, size + 1), loss, noise, rank)
