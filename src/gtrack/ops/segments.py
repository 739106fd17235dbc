"""Metric segments as Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gtrack.format import names
from gtrack.format.names import Segment
from gtrack.spool.reading import Points

__all__ = ["encode_segment", "metrics_files", "rows_of"]


def metrics_files(segments: Iterable[tuple[Segment, Points]], *, inline: Collection[str]) -> dict[str, bytes]:
    """Return the Parquet files of some segments, by name.

    Args:
        segments: The segments and their points.
        inline: Keys whose only value stands in the summary; they need no Parquet.
    """
    rows = ((segment, rows_of(points, inline)) for segment, points in segments)
    return {names.segment("metrics", segment): encode_segment(points) for segment, points in rows if len(points)}


def rows_of(points: Points, inline: Collection[str]) -> Points:
    """Return the points that need Parquet.

    Args:
        points: The points of a segment.
        inline: Keys whose only value stands in the summary.
    """
    import numpy as np

    if not len(points):
        return points
    skip = np.array([key in inline for key in points.keys] or [False], bool)
    return points.select(~skip[points.key])


def encode_segment(points: Points) -> bytes:
    """Return points as a Parquet file; with ranks only where there are any."""
    from gtrack.format.parquet import encode_metrics

    rank = points.rank if (points.rank >= 0).any() else None
    return encode_metrics(points.key, points.keys, points.step, points.time, points.value, rank)
