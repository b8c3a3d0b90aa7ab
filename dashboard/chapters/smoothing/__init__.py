"""Chapters of the lab on Smoothing."""
