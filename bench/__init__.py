"""Benchmarks: each asks one question, with its rivals beside it in the same run. See README.md."""
