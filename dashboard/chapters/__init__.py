"""Chapters of the labs: a folder a lab, a file a chapter (see dashboard/parts/labs/chapters.py)."""
