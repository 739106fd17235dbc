"""One server of each kind for all tests, and clones to talk to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clones import Clone
from servers import SERVERS, HttpServer, Server, make_bare, smart_http

_numbers = itertools.count()


# The main things are tried over every kind of connection in every run, all of them in the soak.
_SLOW = [pytest.param(kind, marks=pytest.mark.soak) for kind in ("git", "ssh")]


@pytest.fixture(scope="session", params=["path", "http", *_SLOW])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of every kind in turn; tests make repositories of their own in it."""
    with SERVERS[request.param](tmp_path_factory.mktemp(f"served-{request.param}")) as started:
        yield started


@pytest.fixture
def http(tmp_path: Path) -> Iterator[HttpServer]:
    """An HTTP server whose answers a test may change."""
    root = tmp_path / "served"
    root.mkdir()
    with smart_http(root) as started:
        yield started


@pytest.fixture
def bare(server: Server) -> str:
    """The name of an empty repository on the server."""
    name = f"team-{next(_numbers)}"
    make_bare(server, name)
    return name


@pytest.fixture
def clone_of(tmp_path: Path) -> Iterator[Callable[..., Clone]]:
    """Return a function that clones a repository of a server: ``clone_of(server, name, *options)``."""
    made: list[Clone] = []

    def make(server: Server, name: str, *options: str, url: str | None = None) -> Clone:
        made.append(Clone.make(tmp_path / f"clone-{len(made)}", server, url or server.url(name), *options))
        return made[-1]

    yield make
    for clone in made:
        clone.close()
