"""Benchmarks: `make bench` measures, prints tables and redraws docs/benchmarks."""
