"""Chapters of the lab on BERT-whitening."""
