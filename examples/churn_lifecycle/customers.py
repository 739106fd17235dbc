"""Made-up customers, the same everywhere: who calls often and is free to go, leaves."""

import numpy as np

COLUMNS = ["calls", "price", "months", "contract"]


def customers(count=800, seed=7):
    """Return what is known of customers, and which of them left."""
    draw = np.random.default_rng(seed)
    x = np.column_stack(
        [
            draw.poisson(2.0, count),
            draw.normal(40.0, 12.0, count),
            draw.gamma(2.0, 12.0, count),
            draw.integers(0, 2, count),
        ]
    )
    free = 1.0 - x[:, 3]
    risk = -1.5 - 0.03 * x[:, 2] + 2.0 * x[:, 0] * free - 0.5 * x[:, 0] + 0.05 * (x[:, 1] - 40.0)
    return x, (draw.random(count) < 1.0 / (1.0 + np.exp(-risk))).astype(int)


def asked():
    """Return the five customers that the endpoint is asked about."""
    return customers(count=5, seed=11)[0]
