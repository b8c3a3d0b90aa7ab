"""Runs of ours, written for other trackers with their own libraries."""
