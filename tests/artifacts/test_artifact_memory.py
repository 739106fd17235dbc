"""A manifest or a document of anybody's that names a large object of the reader's does not fill his memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

import gtrack
from gtrack.errors import DamageError
from gtrack.format.names import Segment
from gtrack.model.artifact import Artifact
from gtrack.ops.artifact_content import Contents
from gtrack.ops.artifacts import read_artifact
from gtrack.ops.curve_source import CurveSource, Detail
from gtrack.ops.keep_objects import cache_of
from gtrack.ops.seal_curves import CurveObject

LARGE = bytes(32 << 20)
ROOM = 8 << 20


def peak_of(action: Callable[[], object]) -> int:
    """Return the most memory that something takes which ends in damage."""
    tracemalloc.start()
    try:
        with pytest.raises(DamageError):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("here")
def test_an_object_is_not_read_beyond_the_size_that_is_said_of_it() -> None:
    with gtrack.start_run("lie") as run:
        run.log_metric("loss", 1.0)
    with gtrack.Repo() as repo:
        state = repo.run("lie").state
        digest = cache_of(repo.repository).add_bytes(LARGE)
        alone = Artifact("lie.txt", 5, digest, "text/plain", 0)
        packed = Artifact("lie.txt", 5, "0" * 64, "text/plain", 0, pack=digest, offset=3, object_size=100)
        curves = CurveObject(Segment("9c1d7b6e", "0a1b2c3d", 0, 9), digest, 1000)
        for lie in (alone, packed):
            assert peak_of(lambda lie=lie: read_artifact(repo.repository, lie)) < ROOM  # type: ignore[misc]
        assert peak_of(lambda: list(Contents(repo.repository).chunks(packed, state))) < ROOM
        assert peak_of(lambda: CurveSource(repo.repository, Detail.AT_HAND)(curves)) < ROOM
