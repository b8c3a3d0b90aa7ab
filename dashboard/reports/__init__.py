"""Runs and comparisons as files that leave the dashboard."""
