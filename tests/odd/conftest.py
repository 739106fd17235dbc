"""A world of its own for every test, and one whose disks can be mounted, filled and emptied."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_world import Disk, World, own_mounts


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A directory and an environment whose home and state lie in it."""
    return World.at(tmp_path)


@pytest.fixture
def public() -> Iterator[World]:
    """A world that every user of the machine may look into, as pytest's own directories may not be."""
    with tempfile.TemporaryDirectory(prefix="gtrack-odd-") as name:
        Path(name).chmod(0o755)
        yield World.at(Path(name))


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[World]:
    """A world with mounts of its own: what is mounted there is gone with the test."""
    started = own_mounts()
    if started is None:
        pytest.skip("this user may not mount: needs root, or user namespaces")
    process, join = started
    yield World.at(tmp_path, join, f"/proc/{process.pid}/root")
    process.communicate()


@pytest.fixture
def disk(mounted: World) -> Disk:
    """A disk of 2 MB at ``disk`` in a mounted world."""
    return Disk(mounted)
