"""Soak: callers of every kind on a real sidecar while everything around it breaks, each answer checked by its
bytes. `python -m benchmarks.soak --minutes 10`."""
