"""Predictions made elsewhere, and averages of stored ones, as runs."""
