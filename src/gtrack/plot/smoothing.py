"""Smoothing a noisy curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["smooth"]

_NOTHING = 1e-20
"""A weight that no sum of weights shows."""


def smooth(values: Floats, weight: float) -> Floats:
    """Return the debiased exponential moving average of values, as TensorBoard draws it.

    The average of the first n values, each weighing ``weight`` times as much as the one after it: early values are not
    drawn towards zero, and nothing lies outside the range of the values. NaN and infinities stay where they are, and
    the average goes on behind them as if they were not there.

    Source: ``resmoothDataset`` in ``vz_line_chart2/line-chart.ts`` of https://github.com/tensorflow/tensorboard, to
    which Weights & Biases' "exponential moving average" is equal
    (https://docs.wandb.ai/models/app/features/panels/line-plot/smoothing).

    Args:
        values: The values in the order they were logged.
        weight: From 0, which changes nothing, to just under 1.

    Raises:
        ValueError: The weight is outside of that.

    Example:
        >>> smooth(np.array([1.0, 0.0, 0.0]), 0.5).round(3).tolist()
        [1.0, 0.333, 0.143]
    """
    import numpy as np

    if not 0 <= weight < 1:
        raise ValueError(f"a smoothing weight is from 0 to just under 1, not {weight}")
    finite = np.isfinite(values)
    known = values[finite]
    if weight == 0 or len(known) < 2:
        return values.copy()
    # The largest value is brought to 1, so that a sum of huge ones stays finite.
    scale = float(np.abs(known).max()) or 1.0
    sums = _decaying_sums(known / scale, weight)
    # The sum of the weights of the first n values, 1 + w + ... + w^(n-1), exact for weights close to 1 as well.
    weights = np.expm1(np.arange(1, len(known) + 1) * math.log(weight)) / (weight - 1)
    out = values.copy()
    out[finite] = np.clip(sums / weights, known.min() / scale, known.max() / scale) * scale
    return out


def _decaying_sums(values: Floats, weight: float) -> Floats:
    """Return of each value the sum with those before it, each weighing less by the weight than the one after it.

    Sums of 1, 2, 4, 8, ... values, until those farther off weigh nothing: a loop over the values takes ten times as
    long.
    """
    sums = values.copy()
    reach, weighs = 1, weight
    while reach < len(sums) and weighs > _NOTHING:
        sums[reach:] += weighs * sums[:-reach]
        reach, weighs = 2 * reach, weighs * weighs
    return sums
