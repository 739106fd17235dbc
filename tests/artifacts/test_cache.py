"""The cache and the outbox: objects appear whole, every read checks them, and marks survive what happens."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gtrack.errors import DamageError, NotFoundError
from gtrack.store.cache import PART, Cache
from gtrack.store.outbox import Outbox, Waiting

RUN, OTHER = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55", "4f2a9c1d7b6e4a508c2f9e0d1a7b3c55"


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "objects"))


def test_an_object_is_read_as_it_was_put_in_by_any_way(cache: Cache, tmp_path: Path) -> None:
    data = bytes(range(256)) * 10
    source = tmp_path / "source"
    source.write_bytes(b"before" + data + b"after")
    cache.add_range(str(source), 6, len(data), digest_of(data))
    assert cache.read(digest_of(data)) == data
    pieces = [(str(source), 6, 10), (str(source), 0, 6), (str(source), 6 + len(data), 5)]
    cache.add_pieces(pieces, digest_of(data[:10] + b"beforeafter"))
    assert cache.read(digest_of(data[:10] + b"beforeafter")) == data[:10] + b"beforeafter"
    assert cache.read(cache.add_bytes(b"x")) == b"x"
    with cache.open(digest_of(data)) as file:
        assert file.read() == data
    assert sorted(cache.digests()) == sorted(map(digest_of, (data, data[:10] + b"beforeafter", b"x")))
    assert not [name for name in os.listdir(cache.root) if name.startswith(".new")]


def test_a_file_is_put_in_without_a_second_copy_and_is_read_only(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.write_bytes(b"model")
    source.chmod(0o444)
    for _ in range(2):
        cache.add_file(str(source), digest_of(b"model"))
    kept = Path(cache.path(digest_of(b"model")))
    assert kept.stat().st_ino == source.stat().st_ino
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    source.unlink()
    assert cache.read(digest_of(b"model")) == b"model"


def test_a_file_on_another_disk_is_copied_and_checked(tmp_path: Path) -> None:
    own = tmp_path.stat().st_dev
    other = next((p for p in map(Path, ("/dev/shm", "/var/tmp")) if p.is_dir() and p.stat().st_dev != own), None)
    if other is None:
        pytest.skip("no second file system at /dev/shm or /var/tmp")
    folder = other / f"gtrack-test-{os.getpid()}"
    try:
        folder.mkdir()
        (tmp_path / "model").write_bytes(b"model")
        cache = Cache(str(folder / "objects"))
        cache.add_file(str(tmp_path / "model"), digest_of(b"model"))
        assert cache.read(digest_of(b"model")) == b"model"
        with pytest.raises(DamageError):
            cache.add_file(str(tmp_path / "model"), digest_of(b"another"))
        assert list(cache.digests()) == [digest_of(b"model")]
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.parametrize("size", [10, 5 << 20])
def test_one_flipped_byte_is_found_by_every_read_and_the_copy_removed(cache: Cache, size: int) -> None:
    data = bytes(size)
    for read in (cache.read, lambda digest: cache.open(digest).__enter__()):
        digest = cache.add_bytes(data)
        assert cache.verify(digest)
        path = Path(cache.path(digest))
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.seek(size // 2)
            file.write(b"\1")
        assert not cache.verify(digest)
        with pytest.raises(DamageError, match=digest):
            read(digest)
        assert not cache.has(digest)
        with pytest.raises(NotFoundError):
            read(digest)


def test_what_is_not_as_its_digest_says_never_gets_in(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"short")
    for pieces in ([(str(source), 0, 5)], [(str(source), 0, 50)], [(str(source), 60, 5)]):
        with pytest.raises(DamageError):
            cache.add_pieces(pieces, digest_of(b"other"))
    assert list(cache.digests()) == []
    assert not [name for name in os.listdir(cache.root) if name.startswith(".new")]


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 65, "aa/" + "a" * 61])
def test_no_path_follows_from_what_is_no_digest(cache: Cache, tmp_path: Path, digest: str) -> None:
    for use in (cache.path, cache.read, cache.has, cache.remove, Outbox(str(tmp_path / "outbox")).get):
        with pytest.raises(ValueError, match="SHA-256"):
            use(digest)


def test_a_link_in_the_place_of_an_object_is_not_followed(cache: Cache, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    path = Path(cache.path(digest_of(b"secret")))
    path.parent.mkdir(parents=True)
    path.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        cache.read(digest_of(b"secret"))


def test_a_further_folder_is_read_and_never_written(tmp_path: Path) -> None:
    below = Cache(str(tmp_path / "below"))
    digest = below.add_bytes(b"there")
    cache = Cache(str(tmp_path / "here"), also=[below.root])
    assert cache.read(digest) == b"there"
    added = cache.add_bytes(b"new")
    assert not below.has(added)


def test_a_mark_stays_until_it_is_taken_away(tmp_path: Path) -> None:
    outbox, digest = Outbox(str(tmp_path / "outbox")), digest_of(b"x")
    outbox.add(digest, 1, "a" * 40, RUN)
    outbox.add(digest, 1, "a" * 40, OTHER)
    assert list(outbox.entries()) == [Waiting(digest, 1, "a" * 40, (RUN, OTHER))]
    outbox.mark_sent(digest, 7, "origin")
    assert outbox.get(digest) == Waiting(digest, 1, "a" * 40, (RUN, OTHER), 7, "origin")
    outbox.add(digest, 1, "a" * 40, RUN)  # it is named anew: it has to be seen to be there anew
    assert outbox.get(digest) == Waiting(digest, 1, "a" * 40, (RUN, OTHER))
    assert len(outbox) == 1
    outbox.remove(digest)
    outbox.remove(digest)
    assert list(outbox.entries()) == []


def test_a_damaged_mark_is_still_a_mark(tmp_path: Path) -> None:
    outbox, digest = Outbox(str(tmp_path / "outbox")), digest_of(b"x")
    outbox.add(digest, 1, None, RUN)
    for data in (b"", b"\xff", b"[]", b'{"size": "1", "runs": [7, "../x"], "blob": "-x"}'):
        (tmp_path / "outbox" / digest).write_bytes(data)
        assert list(outbox.entries()) == [Waiting(digest, -1)]


MANY = """
import sys
from gtrack.store.outbox import Outbox
outbox = Outbox(sys.argv[1])
for n in range(30):
    outbox.add("a" * 64, 1, None, f"{int(sys.argv[2]):016x}{n:016x}")
"""


def test_processes_that_mark_one_object_at_once_lose_no_run(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path / "outbox"))
    started = [subprocess.Popen([sys.executable, "-c", MANY, outbox.root, str(n)]) for n in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    (waiting,) = outbox.entries()
    assert len(waiting.runs) == 90


def test_what_was_left_unfinished_goes_once_it_is_old(cache: Cache) -> None:
    kept = cache.add_bytes(b"whole")
    old, young = (Path(cache.root, name + "0" * 8) for name in (".new-", PART))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.sweep(3600)
    assert young.exists() and not old.exists()
    os.utime(young, (0, 0))
    cache.sweep(3600)
    assert not young.exists() and cache.read(kept) == b"whole"
