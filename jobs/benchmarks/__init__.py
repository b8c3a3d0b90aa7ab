"""Benchmark suites, one module each, run by `python -m jobs.benchmark --suite NAME`."""
