"""Serving sidecar proxy with shadow monitoring for machine-learning models."""

__version__ = "0.1.0"
