"""Chapters of the lab on Initialization."""
