"""One server of each kind for all tests, and stores of their own in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_servers import KINDS, SERVERS, StoreServer
from store_world import World

from gtrack.store.cache import Cache
from gtrack.store.opening import open_place
from gtrack.store.place import Place
from gtrack.store.url import Location

_numbers = itertools.count()


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A server of every kind in turn."""
    with SERVERS[request.param](tmp_path_factory.mktemp(f"stored-{request.param}")) as started:
        before = {name: os.environ.get(name) for name in started.env}
        os.environ.update(started.env)
        yield started
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def location(server: StoreServer) -> Location:
    """A store that is nobody else's."""
    return server.location(f"store-{next(_numbers)}")


@pytest.fixture
def place(location: Location, tmp_path: Path) -> Iterator[Place]:
    """That store, opened and ready."""
    opened = open_place(location, mark="0" * 16, memory=str(tmp_path / "uploads"))
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache."""
    return Cache(str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(_world: World, tmp_path: Path) -> World:
    """A remote, and a clone with a run whose files wait to be sent."""
    return _world.copy(tmp_path / "world")
