"""Sentence vectors: pooled, whitened, compared and searched."""
