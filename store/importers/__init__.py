"""Runs of other trackers, turned into spools of ours."""
