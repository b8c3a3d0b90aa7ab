"""Chapters of the lab on CAN."""
