"""Figures of the labs."""
