"""Sets of sentence pairs that whitening is evaluated on."""
