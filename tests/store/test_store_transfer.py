"""Objects up and down: whole, verified, resumed after kills, through lines that break."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from carrier import carry
from store_servers import KINDS, StoreServer, unreliable

from gtrack.errors import DamageError, NotFoundError
from gtrack.model.retention import GRACE
from gtrack.store.cache import Cache
from gtrack.store.opening import open_place
from gtrack.store.place import Place, key_of
from gtrack.store.transfer import fetch_object, send_object
from gtrack.store.url import Location

MIB = 1 << 20
in_folders = pytest.mark.parametrize("server", ["file", "sftp"], indirect=True)
in_a_folder = pytest.mark.parametrize("server", ["file"], indirect=True)


def fill(cache: Cache, sizes: list[int], seed: int = 0) -> dict[str, int]:
    """Put random objects into a cache, and return their sizes by digest."""
    made = random.Random(seed)
    return {cache.add_bytes(made.randbytes(size)): size for size in sizes}


def send(place: Place, cache: Cache, digest: str, size: int) -> bool:
    return send_object(place, cache, digest, size, threading.Event(), lambda _: None)


def fetch(place: Place, cache: Cache, digest: str, size: int) -> None:
    fetch_object(place, cache, digest, size, threading.Event(), lambda _: None)


def named(place: Place) -> dict[str, int]:
    """Return the objects that a store shows, by digest."""
    return {
        e.key.rpartition("/")[2]: e.size
        for e in place.entries("objects")
        if not e.key.rpartition("/")[2].startswith(".")
    }


@pytest.fixture
def other(tmp_path: Path) -> Cache:
    """Another clone's cache."""
    return Cache(str(tmp_path / "other"))


@pytest.mark.parametrize("size", [0, 17 * MIB + 1])
def test_an_object_comes_back_as_it_was_sent(place: Place, cache: Cache, other: Cache, size: int) -> None:
    ((digest, _),) = fill(cache, [size]).items()
    assert send(place, cache, digest, size)
    fetch(place, other, digest, size)
    assert other.verify(digest)
    assert named(place) == {digest: size}


def test_the_same_content_twice_is_one_object_and_is_sent_once(place: Place, cache: Cache) -> None:
    ((digest, size),) = fill(cache, [1000]).items()
    assert send(place, cache, digest, size)
    assert not send(place, cache, digest, size)
    assert named(place) == {digest: size}


@in_folders
def test_what_gc_may_be_about_to_remove_is_made_young_or_sent_again(
    location: Location, place: Place, cache: Cache
) -> None:
    ((digest, size),) = fill(cache, [1000]).items()
    send(place, cache, digest, size)
    path = Path(location.path) / key_of(digest)
    old = os.stat(path).st_mtime - GRACE / 2 - 60
    os.utime(path, (old, old))
    send(place, cache, digest, size)
    assert os.stat(path).st_mtime > old + 60


def test_refreshing_leaves_the_content(place: Place, cache: Cache, other: Cache) -> None:
    ((digest, size),) = fill(cache, [1000]).items()
    send(place, cache, digest, size)
    place.refresh(key_of(digest))
    fetch(place, other, digest, size)


@pytest.mark.parametrize("size", [1000, 20 * MIB])
def test_a_damaged_file_in_the_cache_is_never_published(place: Place, cache: Cache, size: int) -> None:
    ((digest, _),) = fill(cache, [size]).items()
    path = Path(cache.path(digest))
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamageError, match=digest[:12]):
        send(place, cache, digest, size)
    assert named(place) == {}
    assert not cache.has(digest)


@in_a_folder
def test_an_object_that_is_not_in_the_cache_is_named(place: Place, cache: Cache) -> None:
    with pytest.raises(NotFoundError, match="ab" * 6):
        send(place, cache, "ab" * 32, 10)


def test_what_the_store_lacks_is_not_found(place: Place, cache: Cache) -> None:
    place.write("store.yaml", b"format: 1\n")
    with pytest.raises(NotFoundError):
        fetch(place, cache, "ab" * 32, 10)
    assert not cache.has("ab" * 32)


@in_a_folder
@pytest.mark.parametrize("there", [b"something else", b"shorter", b"something else that is longer"])
def test_another_content_under_the_name_is_refused(place: Place, cache: Cache, there: bytes) -> None:
    digest = "ab" * 32
    place.write(key_of(digest), there)
    with pytest.raises(DamageError, match="something else"):
        fetch(place, cache, digest, len(b"something else"))
    assert not cache.has(digest)


@in_a_folder
def test_a_download_goes_on_where_it_was(place: Place, cache: Cache, other: Cache) -> None:
    ((digest, size),) = fill(cache, [9 * MIB]).items()
    send(place, cache, digest, size)
    whole = cache.read(digest)
    os.makedirs(other.root)
    Path(other.root, f".part-{digest}").write_bytes(whole[: 5 * MIB])
    asked: list[int] = []
    read = place.read
    spied = _Spied(place, lambda key, start, length: asked.append(length) or read(key, start, length))
    fetch(spied, other, digest, size)  # type: ignore[arg-type]
    assert other.verify(digest)
    assert sum(asked) == size - 5 * MIB


@in_a_folder
def test_a_torn_download_begins_again(place: Place, cache: Cache, other: Cache) -> None:
    ((digest, size),) = fill(cache, [2 * MIB]).items()
    send(place, cache, digest, size)
    os.makedirs(other.root)
    Path(other.root, f".part-{digest}").write_bytes(bytes(MIB))
    fetch(place, other, digest, size)
    assert other.verify(digest)


@in_folders
def test_a_torn_upload_is_not_taken_for_a_good_one(
    location: Location, place: Place, cache: Cache, other: Cache
) -> None:
    ((digest, size),) = fill(cache, [3 * MIB]).items()
    folder = Path(location.path) / "objects" / digest[:2]
    folder.mkdir(parents=True)
    (folder / f".{digest}.{'0' * 16}.part").write_bytes(cache.read(digest)[:MIB] + bytes(MIB))
    send(place, cache, digest, size)
    fetch(place, other, digest, size)
    assert other.verify(digest)


class _Spied:
    """A place of which one method is watched."""

    def __init__(self, place: Place, read: object) -> None:
        self._place = place
        self.read = read

    def __getattr__(self, name: str) -> object:
        return getattr(self._place, name)


@pytest.mark.parametrize("server", ["s3"], indirect=True)
def test_a_large_upload_to_s3_sends_each_part_once(place: Place, cache: Cache) -> None:
    ((digest, size),) = fill(cache, [40 * MIB]).items()
    sent: list[int] = []
    call = place.fs.call_s3  # type: ignore[attr-defined]

    def stumbling(operation: str, **arguments: object) -> object:
        if operation == "upload_part":
            sent.append(arguments["PartNumber"])  # type: ignore[arg-type]
            if len(sent) == 3:
                raise KeyboardInterrupt
        return call(operation, **arguments)

    place.fs.call_s3 = stumbling  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        send(place, cache, digest, size)
    assert named(place) == {}
    assert send(place, cache, digest, size)
    assert sent == [1, 2, 3, 3, 4, 5]
    assert named(place) == {digest: size}


def some(full: bool) -> list[int]:
    """Return the sizes of 500 files of 1 GiB, or of a sixteenth of that."""
    made = random.Random(7)
    count, large, middle = (500, 100 * MIB, 5 * MIB) if full else (30, 20 * MIB, 1 * MIB)
    sizes = [large, large, *(middle for _ in range(count // 5))]
    total = (1024 if full else 64) * MIB
    rest = count - len(sizes)
    mean = (total - sum(sizes)) // rest
    return [*sizes, *(made.randrange(mean // 2, mean * 3 // 2) for _ in range(rest))]


def run_carrier(what: str, cache: Cache, location: Location, memory: Path, dies_after: int, wanted: Path) -> int:
    options = json.dumps(dict(location.options))
    command = [sys.executable, str(Path(__file__).parent / "carrier.py"), what, cache.root, location.url, options]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [*command, str(memory), str(dies_after), str(wanted)], env=env, capture_output=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


@pytest.mark.parametrize(
    ("server", "full", "up", "down"),
    [
        pytest.param("s3", False, 2, 1, id="s3-64MiB"),
        *(
            pytest.param(kind, False, 2, 1, id=f"{kind}-64MiB", marks=pytest.mark.soak)
            for kind in KINDS
            if kind != "s3"
        ),
        *(pytest.param(kind, True, 20, 20, id=f"{kind}-1GiB", marks=pytest.mark.soak) for kind in (*KINDS, "az")),
    ],
    indirect=["server"],
)
def test_transfers_that_are_killed_come_to_completion_and_show_nothing_partial(
    location: Location, place: Place, cache: Cache, other: Cache, tmp_path: Path, full: bool, up: int, down: int
) -> None:
    wanted = fill(cache, some(full))
    listed, total = tmp_path / "wanted.json", sum(wanted.values())
    listed.write_text(json.dumps(wanted))
    for number in range(1, up + 1):
        dies_after = total * number // (up + 1)
        assert run_carrier("send", cache, location, tmp_path / "uploads", dies_after, listed) == -signal.SIGKILL
        assert named(place).items() <= wanted.items()
    assert run_carrier("send", cache, location, tmp_path / "uploads", 0, listed) == 0
    assert named(place) == wanted
    for number in range(1, down + 1):
        dies_after = total * number // (down + 1)
        assert run_carrier("fetch", other, location, tmp_path / "memory", dies_after, listed) == -signal.SIGKILL
        assert all(other.verify(digest) for digest in other.digests())
    assert run_carrier("fetch", other, location, tmp_path / "memory", 0, listed) == 0
    assert {digest for digest in wanted if other.verify(digest)} == set(wanted)
    assert [name for name in os.listdir(other.root) if name.startswith(".")] == []
    if location.protocol in ("file", "sftp"):
        assert not [e.key for e in place.entries("objects") if e.key.rpartition("/")[2].startswith(".")]


@pytest.mark.parametrize("server", ["s3", pytest.param("sftp", marks=pytest.mark.soak)], indirect=True)
@pytest.mark.parametrize(
    "full", [pytest.param(False, id="20MiB"), pytest.param(True, id="1GiB", marks=pytest.mark.soak)]
)
def test_lines_that_break_and_errors_hold_nothing_up(
    server: StoreServer, cache: Cache, other: Cache, tmp_path: Path, full: bool
) -> None:
    wanted = fill(cache, some(True) if full else [17 * MIB, *([200_000] * 20)])
    name, mark, memory = f"shaky-{full}", "0" * 16, str(tmp_path / "uploads")
    with unreliable(server, 64 * MIB if full else 16 * MIB, seed=3) as port:
        broken = open_place(server.location(name, port), mark=mark, memory=memory)
        broken.prepare()
        assert carry("send", cache, broken, wanted) == {}
        assert carry("fetch", other, broken, wanted) == {}
        broken.close()
    place = open_place(server.location(name), mark=mark, memory=memory)
    assert named(place) == wanted
    place.close()
    assert {digest for digest in wanted if other.verify(digest)} == set(wanted)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Nothing goes on in the background when a test is over."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("gtrack-transfer")]
    assert left == []
