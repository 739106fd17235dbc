"""Files and folders by the digest of their bytes, computed again only where something changed."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from gtrack.fingerprint import files
from gtrack.fingerprint.files import digest_path
from gtrack.fingerprint.stat_cache import StatCache

LATER = 10**10
"""Ten seconds: files that were written before are settled."""


def cache(folder: Path, *, later: int = LATER) -> StatCache:
    return StatCache(str(folder), now_ns=time.time_ns() + later)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name, text in (("b.csv", "2"), ("a.csv", "1"), ("sub/c.csv", "3"), ("sub-d", "4")):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are really read."""
    seen: list[str] = []
    whole = files._hash

    def hash_(path: str) -> object:
        seen.append(os.path.basename(path))
        return whole(path)

    monkeypatch.setattr(files, "_hash", hash_)
    return seen


def test_a_file_is_what_sha256sum_prints(data: Path, tmp_path: Path) -> None:
    path = data / "a.csv"
    path.write_bytes(os.urandom(100_000))
    printed = subprocess.run(["sha256sum", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]
    found = digest_path(str(path), cache(tmp_path / "cache"))
    assert (found.digest, found.bytes, found.files) == (printed, 100_000, None)


def test_a_folder_is_its_files_paths_and_digests_in_the_order_of_bytes(data: Path) -> None:
    whole = hashlib.sha256(b"gtrack directory 1\n")
    for name, text in (("a.csv", "1"), ("b.csv", "2"), ("sub-d", "4"), ("sub/c.csv", "3")):
        whole.update(len(name).to_bytes(8, "little") + name.encode() + hashlib.sha256(text.encode()).digest())
    found = digest_path(str(data), StatCache(None))
    assert (found.digest, found.bytes, found.files, found.left_out) == (whole.hexdigest(), 4, 4, ())


def test_what_is_no_content_of_a_folder_does_not_change_it(data: Path) -> None:
    before = digest_path(str(data), StatCache(None)).digest
    (data / "empty").mkdir()
    (data / "a.csv").chmod(0o755)
    os.utime(data / "b.csv", (1, 1))
    moved = data.rename(data.parent / "elsewhere")
    assert digest_path(str(moved), StatCache(None)).digest == before
    (moved / "a.csv").rename(moved / "z.csv")
    assert digest_path(str(moved), StatCache(None)).digest != before


def test_links_are_followed_circles_and_special_files_are_left_out(data: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "e.csv").write_text("5")
    (data / "link").symlink_to(tmp_path / "shared")
    (data / "sub" / "up").symlink_to(data)
    (data / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(data / "pipe")
    found = digest_path(str(data), StatCache(None))
    assert found.files == 5
    assert set(found.left_out) == {"gone", "pipe", "sub/up"}


def test_a_socket_and_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        with pytest.raises(ValueError, match="neither a file nor a folder"):
            digest_path(str(path), StatCache(None))
    with pytest.raises(FileNotFoundError):
        digest_path(str(tmp_path / "nothing"), StatCache(None))


def test_an_unchanged_folder_is_not_read_again(data: Path, tmp_path: Path, read: list[str]) -> None:
    first = digest_path(str(data), cache(tmp_path / "cache"))
    assert sorted(read) == ["a.csv", "b.csv", "c.csv", "sub-d"]
    read.clear()
    assert digest_path(str(data), cache(tmp_path / "cache")) == first
    assert not read


def test_only_what_changed_is_read_again(data: Path, tmp_path: Path, read: list[str]) -> None:
    digest_path(str(data), cache(tmp_path / "cache"))
    read.clear()
    (data / "b.csv").write_text("22")
    (data / "new").write_text("5")
    changed = digest_path(str(data), cache(tmp_path / "cache"))
    assert sorted(read) == ["b.csv", "new"]
    assert changed.digest == digest_path(str(data), StatCache(None)).digest


def test_a_change_that_puts_size_and_time_back_is_seen(data: Path, tmp_path: Path, read: list[str]) -> None:
    before = os.stat(data / "a.csv")
    first = digest_path(str(data), cache(tmp_path / "cache"))
    (data / "a.csv").write_text("9")
    os.utime(data / "a.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest_path(str(data), cache(tmp_path / "cache")).digest != first.digest


def test_what_was_changed_just_now_is_not_trusted(data: Path, tmp_path: Path, read: list[str]) -> None:
    digest_path(str(data), cache(tmp_path / "cache", later=0))
    read.clear()
    digest_path(str(data), cache(tmp_path / "cache", later=0))
    assert len(read) == 4


def test_a_file_that_changes_while_it_is_read_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = hashlib.file_digest
    rounds = iter(range(100))

    def disturbed(file: object, name: str) -> object:
        found = plain(file, name)  # type: ignore[arg-type]
        (data / "a.csv").write_text("x" * (next(rounds) + 2))
        return found

    monkeypatch.setattr(hashlib, "file_digest", disturbed)
    assert digest_path(str(data / "a.csv"), StatCache(None)).unsteady == ("",)


@pytest.mark.parametrize("junk", [b"", b"[]\n", b"{}\n", b"\xff\n", b'[1,"x"]\nnonsense\n', b"[" * 100_000])
def test_a_damaged_cache_is_not_there(data: Path, tmp_path: Path, junk: bytes) -> None:
    first = digest_path(str(data), cache(tmp_path / "cache"))
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(junk)
    assert digest_path(str(data), cache(tmp_path / "cache")) == first


def test_a_cache_that_cannot_be_written_is_no_trouble(data: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert digest_path(str(data), cache(tmp_path / "cache")).files == 4


def test_the_cache_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtrack.fingerprint.stat_cache._MOST_ROOTS", 10)
    for number in range(25):
        path = tmp_path / f"{number}.csv"
        path.write_text(str(number))
        digest_path(str(path), cache(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").iterdir())) <= 10
    assert {entry.stat().st_mode & 0o777 for entry in (tmp_path / "cache").iterdir()} == {0o600}


@pytest.mark.soak
def test_a_folder_of_ten_thousand_files_is_known_again_at_once(tmp_path: Path, read: list[str]) -> None:
    for number in range(10_000):
        path = tmp_path / "data" / f"{number % 100:02}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    first = digest_path(str(tmp_path / "data"), cache(tmp_path / "cache"))
    read.clear()
    assert digest_path(str(tmp_path / "data"), cache(tmp_path / "cache")) == first
    assert first.files == 10_000
    assert not read
