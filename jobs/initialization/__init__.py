"""Initialization of non-square matrices."""
