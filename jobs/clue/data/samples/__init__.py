"""Generators of the built-in sample, one module per kind of task."""
