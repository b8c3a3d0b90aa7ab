"""Sentence vectors: encoded, whitened, reduced, scored, searched."""
