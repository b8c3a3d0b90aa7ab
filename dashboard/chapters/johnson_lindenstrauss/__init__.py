"""Chapters of the lab on Johnson-Lindenstrauss."""
