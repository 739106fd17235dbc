"""Measurements of gtrack beside a bare baseline or a peer: ``python -m benchmarks``."""
