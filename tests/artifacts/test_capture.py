"""Capturing artifacts in a spool: at once, once, and nothing that is not needed any more."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from gtrack.spool import artifacts
from gtrack.spool.artifacts import PACKED_BYTES, ArtifactWriter
from gtrack.spool.copying import NotPlainError, copy_hashed
from gtrack.spool.folder import files_below
from gtrack.spool.ledger import Ledger, read_ledger

LARGE = PACKED_BYTES + 1


class Spool:
    """A writer, and what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.stem = str(folder / "9c1d7b6e-0a1b2c3d")
        self.ledger = Ledger(self.stem + ".jsonl")
        self.writer = ArtifactWriter(self.stem, self.ledger)

    def lines(self) -> list[dict[str, object]]:
        return list(read_ledger(self.stem + ".jsonl"))

    def files(self) -> list[str]:
        return sorted(os.listdir(self.stem + ".files"))

    def content(self, line: dict[str, object]) -> bytes:
        if "offset" not in line:
            return Path(f"{self.stem}.files/{line['sha256']}").read_bytes()
        start, size = int(str(line["offset"])), int(str(line["size"]))
        return Path(self.stem + ".pack").read_bytes()[start : start + size]

    def close(self) -> None:
        self.writer.close()
        self.ledger.close()


@pytest.fixture
def spool(tmp_path: Path):
    made = Spool(tmp_path)
    yield made
    made.close()


def add(spool: Spool, data: bytes, path: str) -> str:
    return spool.writer.add_bytes(data, path, "text/plain", None).digest


@pytest.mark.parametrize("size", [0, 1, PACKED_BYTES, LARGE, 3 << 20])
def test_content_and_files_are_captured_as_they_are(spool: Spool, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    add(spool, data, "a")
    spool.writer.add_file(str(tmp_path / "source"), "b", "image/png", {"kind": "image"})
    (tmp_path / "source").write_bytes(b"another")
    first, second = spool.lines()
    assert spool.content(first) == spool.content(second) == data
    assert first["sha256"] == second["sha256"] == hashlib.sha256(data).hexdigest()
    assert (second["kind"], second["path"], second["type"], second["media"]) == (
        *("artifact", "b", "image/png"),
        {"kind": "image"},
    )
    assert ("offset" in first) == (size <= PACKED_BYTES)
    if size > PACKED_BYTES:
        assert spool.files() == [first["sha256"]]


def test_times_of_a_writer_never_repeat_even_when_the_clock_stands_still(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "now_ns", lambda: 1_795_000_000_000_000_000)
    for n in range(20):
        add(spool, b"x", f"{n % 3}")
    times = [int(str(line["at"])) for line in spool.lines()]
    assert times == sorted(set(times))


@pytest.mark.parametrize("new", [b"small", b"l" * LARGE, None])
def test_what_cannot_be_written_down_leaves_everything_as_it_was(spool: Spool, new: bytes | None) -> None:
    digest = add(spool, b"o" * LARGE, "latest")
    spool.ledger.close()
    with pytest.raises(OSError, match="Bad file"):
        spool.writer.remove("latest") if new is None else add(spool, new, "latest")
    assert spool.files() == [digest]


def test_a_file_that_gives_way_is_freed_unless_another_path_needs_it(spool: Spool) -> None:
    old, new = os.urandom(LARGE), os.urandom(LARGE)
    digest = add(spool, old, "latest")
    add(spool, old, "best")
    add(spool, new, "latest")
    assert len(spool.files()) == 2
    add(spool, old, "best")  # the same again
    assert len(spool.files()) == 2
    spool.writer.remove("best")
    assert spool.files() == [hashlib.sha256(new).hexdigest()]
    assert digest not in spool.files()
    add(spool, b"small", "latest")
    assert spool.files() == []
    assert [line["kind"] for line in spool.lines()][-2:] == ["artifact_removed", "artifact"]


def test_threads_share_a_writer(spool: Spool) -> None:
    contents = {f"{n}": os.urandom(n * 700) for n in range(200)}

    def work(part: int) -> None:
        for path in list(contents)[part::4]:
            add(spool, contents[path], path)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = spool.lines()
    assert {line["path"]: spool.content(line) for line in lines} == contents
    offsets = [line["offset"] for line in lines if "offset" in line]
    assert offsets == sorted(offsets, key=lambda offset: int(str(offset)))


def test_what_is_no_plain_file_is_refused_and_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in ("pipe", "."):
        with pytest.raises((NotPlainError, IsADirectoryError)):
            spool.writer.add_file(str(tmp_path / source), "a", "text/plain", None)
    with pytest.raises(FileNotFoundError):
        spool.writer.add_file(str(tmp_path / "missing"), "a", "text/plain", None)
    assert spool.lines() == []
    assert not os.path.exists(spool.stem + ".files") or spool.files() == []


def test_a_file_that_keeps_changing_is_captured_as_some_content_that_its_digest_is_of(tmp_path: Path) -> None:
    source = tmp_path / "log"
    source.write_bytes(bytes(1 << 20))
    done = threading.Event()

    def grow() -> None:
        with source.open("ab", buffering=0) as file:
            while not done.wait(0.0005):
                file.write(b"x" * 1000)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for n in range(5):
            copied = copy_hashed(str(source), str(tmp_path / f"copy{n}"))
            data = (tmp_path / f"copy{n}").read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (copied.size, copied.digest)
    finally:
        done.set()
        thread.join()
    assert copy_hashed(str(source), str(tmp_path / "last")).settled


def test_a_folder_is_walked_in_order_without_following_what_leads_out(tmp_path: Path) -> None:
    root = tmp_path / "out"
    (root / "sub/.git").mkdir(parents=True)
    (root / "sub/.git/config").write_text("")
    (root / "sub/b.txt").write_text("b")
    (root / "a.txt").write_text("a")
    (root / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    (tmp_path / "elsewhere.txt").write_text("e")
    (root / "loop").symlink_to(root)
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    found = files_below(str(root))
    assert [inner for _, inner in found.files] == ["a.txt", "link.txt", "sub/b.txt"]
    assert found.left_out == [
        *("dangling (a link that leads nowhere)", "loop (a link to a folder)", "pipe (no plain file)"),
        "sub/.git (git's own)",
    ]
