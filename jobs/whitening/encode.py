"""`python -m jobs.whitening encode`: sentences of your own as rows of a .npy file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jobs import cli
from jobs.text_lines import read_lines
from jobs.whitening.sentence_encoders import open_encoder
from jobs.whitening.settings import parse

if TYPE_CHECKING:
    from jobs.whitening.config import Encode


def start(config: Encode) -> None:
    """Check the flags, encode, write the file."""
    if bool(config.sentences) == (config.file is not None):
        raise cli.InputError("name either --sentences or a --file of them")
    texts = read_lines(config.file) if config.file else list(config.sentences)  # row i is line i, a blank one too
    if not texts:
        raise cli.InputError(f"{config.file} has no sentences")
    if config.max_length < 3:
        raise cli.InputError(f"--max-length must be at least 3 ([CLS], a token, [SEP]), got {config.max_length}")
    encoder = open_encoder(config.encoder, device=config.device, db=config.db)
    (pooling,) = parse([config.pooling or encoder.poolings[0]], encoder)
    with cli.input_errors(encoder.name):
        views = encoder.encode(texts, pooling.views, max_length=config.max_length, advance=lambda done: None)
        vectors = encoder.combine(pooling, views)
    np.save(config.output, vectors)
    print(f"{config.output}: {vectors.shape[0]} x {vectors.shape[1]}, {encoder.name}, {pooling.name}")
