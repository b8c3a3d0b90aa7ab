"""Vectors of sentences that somebody types: in this process for the built-in embedding, else by a job of its own.

A real encoder needs torch, which the dashboard never loads; `python -m jobs.whitening encode` does, and ends.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.embeddings.trigrams import hashed_trigrams

HASHED = "hashed"
SECONDS = 120
ROOT = Path(__file__).resolve().parents[3]


def can_encode(encoder: str) -> bool:
    """Whether new sentences can be encoded: not where the vectors were made elsewhere."""
    return not encoder.endswith(".npy")


def is_built_in(encoder: str) -> bool:
    """Whether the encoder is the hashed embedding, which answers at once."""
    return encoder.partition(":")[0] == HASHED


def encode(encoder: str, pooling: str, sentences: tuple[str, ...], database: Path) -> np.ndarray:
    """Vectors (n, d) of sentences, none empty.

    Raises:
        ValueError: with the job's own sentence, if the encoder cannot be loaded.
    """
    if is_built_in(encoder):
        return hashed_trigrams(sentences, width=int(encoder.partition(":")[2] or 128))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "vectors.npy"
        words = ["--encoder", encoder, "--pooling", pooling, "--db", str(database), "--output", str(output)]
        command = [
            sys.executable,
            "-m",
            "jobs.whitening",
            "encode",
            *words,
            "--device",
            "cpu",
            "--sentences",
            *sentences,
        ]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"{encoder} did not answer within {SECONDS} s") from error
        if done.returncode:
            raise ValueError((done.stderr.strip().splitlines() or ["the encoder failed"])[-1])
        return np.asarray(np.load(output, allow_pickle=False))
