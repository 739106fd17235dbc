"""Artifacts written to a folder: whole, as their digests say, and never outside it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import ConflictError, DamageError, NetworkError, UsageError
from gtrack.model.artifact import Artifact
from gtrack.ops.artifact_files import Outcome, TargetFolder


def artifact(path: str, data: bytes = b"content") -> Artifact:
    return Artifact(path, len(data), hashlib.sha256(data).hexdigest(), "text/plain", 0)


def put(root: Path, path: str, data: bytes = b"content", *, overwrite: bool = False) -> Outcome:
    with TargetFolder(str(root), overwrite=overwrite) as folder:
        return folder.put(artifact(path, data), lambda: [data[:3], data[3:]])


def everything(root: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
    return found


def test_a_file_is_written_with_its_folders_and_found_unchanged_again(tmp_path: Path) -> None:
    assert put(tmp_path / "out", "plots/roc.png") is Outcome.WRITTEN
    assert everything(tmp_path / "out") == {"plots": "folder", "plots/roc.png": b"content"}

    def never() -> list[bytes]:
        raise AssertionError("what is there is not read again")

    with TargetFolder(str(tmp_path / "out")) as folder:
        assert folder.put(artifact("plots/roc.png"), never) is Outcome.UNCHANGED


def test_a_file_of_other_content_is_replaced_only_when_told(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", b"mine")
    with pytest.raises(ConflictError, match=r"--overwrite"):
        put(tmp_path, "a.txt", b"theirs")
    assert everything(tmp_path) == {"a.txt": b"mine"}
    assert put(tmp_path, "a.txt", b"theirs", overwrite=True) is Outcome.WRITTEN
    assert everything(tmp_path) == {"a.txt": b"theirs"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "path", ["../x", "/tmp/x", ".git/hooks/post-commit", "a/../../x", "a\\..\\x", "c:x", "x\0y", "con", "a//b", ""]
)
def test_an_unsafe_path_is_refused_and_named(path: str, overwrite: bool, tmp_path: Path) -> None:
    with pytest.raises(DamageError, match="is not the path of an artifact"):
        put(tmp_path / "in" / "out", path, overwrite=overwrite)
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_link_is_followed_out_of_the_folder(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "folder").symlink_to("../elsewhere")
    (out / "file").symlink_to("../elsewhere/planted")
    (out / "dangling").symlink_to("../elsewhere/new")
    with pytest.raises(ConflictError, match="is a link or a file"):
        put(out, "folder/x", overwrite=overwrite)
    for name in ("file", "dangling"):
        if overwrite:  # the link itself is replaced
            assert put(out, name, overwrite=True) is Outcome.WRITTEN
            assert not (out / name).is_symlink()
        else:
            with pytest.raises(ConflictError, match="no plain file"):
                put(out, name)
    assert everything(tmp_path / "elsewhere") == {}


def test_a_folder_that_is_a_link_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    put(tmp_path / "link", "a/b")
    assert everything(tmp_path / "real") == {"a": "folder", "a/b": b"content"}


def test_a_folder_or_a_pipe_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")
    for path, why in (("a", "is a folder"), ("pipe", "no plain file"), ("file/x", "is a link or a file")):
        with pytest.raises(ConflictError, match=why):
            put(tmp_path, path)


def test_content_of_another_digest_and_what_breaks_off_leave_nothing(tmp_path: Path) -> None:
    def breaks_off() -> list[bytes]:
        raise NetworkError("the line went dead")

    with TargetFolder(str(tmp_path)) as folder:
        with pytest.raises(DamageError, match="is not"):
            folder.put(artifact("a"), lambda: [b"conten", b"T"])
        with pytest.raises(NetworkError):
            folder.put(artifact("a"), breaks_off)
    assert everything(tmp_path) == {}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write .*out/a"):
        put(tmp_path / "out", "a")


_parts = st.sampled_from(["a", "b.txt", "..", ".", "", "/", ".git", "GIT~1", "link", "up", "x\0", "c:", "é", "con"])


@given(st.lists(_parts, min_size=1, max_size=5), st.booleans())
def test_nothing_outside_is_ever_written(tmp_path_factory: pytest.TempPathFactory, parts: list[str], over: bool):
    base = tmp_path_factory.mktemp("any")
    (base / "outside").mkdir()
    out = base / "out"
    out.mkdir()
    (out / "link").symlink_to("../outside")
    (out / "up").symlink_to("..")
    with contextlib.suppress(DamageError, ConflictError):
        put(out, "/".join(parts), overwrite=over)
    assert sorted(os.listdir(base)) == ["out", "outside"]
    assert os.listdir(base / "outside") == []
