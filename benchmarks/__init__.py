"""Benchmarks: run each as `python -m benchmarks.bench_NAME` from the project's root; harness.py is shared."""
