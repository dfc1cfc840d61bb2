"""Benchmarks, metrics, statistics and the registry of published systems."""
