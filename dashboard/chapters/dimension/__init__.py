"""Chapters of the lab on Dimension."""
