"""The step of a training that keeps one processor busy."""

from __future__ import annotations

import numpy as np

chance = np.random.default_rng(0)
weights = chance.normal(size=(128, 128))


def train_step(work: int) -> float:
    """Do some arithmetic, half of it in Python, and return a loss."""
    global weights  # noqa: PLW0603
    total = 0
    for number in range(work * 400):
        total += number & 3
    for _ in range(work):
        weights = np.tanh(weights @ weights.T / 64)
    return float(abs(weights).mean()) + total % 2
