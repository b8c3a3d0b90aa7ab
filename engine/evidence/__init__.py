"""Metrics, intervals and tests: how much better, and is it noise?"""
