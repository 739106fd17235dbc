"""Metric segments as Parquet files, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gtrack.format import names
from gtrack.format.names import Segment
from gtrack.spool.reading import Points

__all__ = ["metrics_files"]


def metrics_files(segments: Iterable[tuple[Segment, Points]], *, inline: Collection[str]) -> dict[str, bytes]:
    """Return the Parquet files of some segments, by name.

    Args:
        segments: The segments and their points.
        inline: Keys whose only value stands in the summary; they need no Parquet.
    """
    import numpy as np

    from gtrack.format.parquet import encode_metrics

    out = {}
    for segment, points in segments:
        skip = np.array([key in inline for key in points.keys] or [False], bool)
        rows = points.select(~skip[points.key]) if len(points) else points
        if not len(rows):
            continue
        rank = rows.rank if (rows.rank >= 0).any() else None
        out[names.segment("metrics", segment)] = encode_metrics(
            rows.key, rows.keys, rows.step, rows.time, rows.value, rank
        )
    return out
