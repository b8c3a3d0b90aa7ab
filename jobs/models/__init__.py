"""Encoders by name: finding, checking, loading and saving them."""
