"""Manifests that nobody but git would write: nothing outside the target, nothing from elsewhere, each one named."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from artifact_desk import PLOT, SAID, Desk, desk, entry, files_below, shared_desk
from servers import run

__all__ = ["desk", "shared_desk"]

UNSAFE = {
    "../planted": "a part of it is ..",
    "a/../../planted": "a part of it is ..",
    "/tmp/gtrack-planted": "it is absolute",
    ".git/hooks/post-commit": ".git",
    ".GIT/config": ".git",
    "git~1/config": ".git",
    "a\\..\\planted": "backslash",
    "c:planted": "colon",
    "con": "device",
    "nul.txt": "device",
    "a//b": "a part of it is empty",
    "x" * 300: "longer",
    "trailing.": "dot or a space",
}


def planted(desk: Desk) -> bytes:
    """A content that the built-in store at the remote has."""
    return SAID.encode()


@pytest.fixture
def sealed(desk: Desk) -> dict[str, object]:
    """What the remote's own manifest says of a small file, with the pack that holds it."""
    found: dict[str, object] = dict(desk.manifest("plots")["files"]["report.txt"])
    return found


def test_unsafe_paths_are_named_and_nothing_is_written_outside(
    desk: Desk, sealed: dict[str, object], tmp_path: Path
) -> None:
    packs = desk.manifest("plots")["packs"]
    desk.publish_manifest("plots", {**dict.fromkeys(UNSAFE, sealed), "good.txt": sealed}, packs)
    target = tmp_path / "box" / "out"
    before = files_below(desk.bob / ".git" / "hooks")
    said = desk.type(desk.bob, "artifact", "get", "plots", "-o", str(target))
    assert files_below(tmp_path / "box") == {f"out/{path}": data for path, data in files_below(target).items()}, (
        "something was written beside the target"
    )
    assert (target / "good.txt").read_bytes() == SAID.encode()
    for path, why in UNSAFE.items():
        assert f'"{path[:120]}' in said.err.replace("\\\\", "\\"), path
        assert why in said.err
    assert set(files_below(target)) == {
        "good.txt", "report.txt", "page.html", "middle.bin", "plots/roc.png", "plots/pr.png",
    }  # fmt: skip
    assert files_below(desk.bob / ".git" / "hooks") == before
    assert not Path("/tmp/gtrack-planted").exists()
    findings = desk.type(desk.bob, "fsck", "--json", code=6).out
    assert "planted" in findings


def test_a_link_in_the_target_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    elsewhere, target = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    target.mkdir()
    (target / "plots").symlink_to(elsewhere)
    (target / "report.txt").symlink_to(elsewhere / "report.txt")
    for more in ([], ["--overwrite"]):
        said = desk.type(desk.bob, "artifact", "get", "plots", "-o", str(target), *more, code=4)
        assert f"{target}/plots is a link or a file" in said.err
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("named", ["private file", "commit", "tree", "nothing"])
def test_a_git_id_of_the_readers_own_is_never_read_into_an_artifact(named: str, desk: Desk, tmp_path: Path) -> None:
    (desk.bob / "secret.txt").write_text("the reader's own\n")
    secret = run("git", "hash-object", "-w", "secret.txt", cwd=desk.bob)
    blob = {
        "private file": secret,
        "commit": run("git", "rev-parse", "HEAD", cwd=desk.bob),
        "tree": run("git", "rev-parse", "HEAD^{tree}", cwd=desk.bob),
        "nothing": "0" * 39 + "1",
    }[named]
    desk.publish_manifest("large", {"wanted.txt": entry(b"what the manifest says", blob=blob)})
    said = desk.type(
        desk.bob,
        "artifact",
        "get",
        "large/wanted.txt",
        "-o",
        str(tmp_path / "out"),
        code=3 if named == "nothing" else 6,
    )
    assert "wanted.txt" in said.err
    assert files_below(tmp_path / "out") == {}
    objects = desk.bob / ".git" / "gtrack" / "objects"
    assert not objects.exists() or b"the reader's own\n" not in files_below(objects).values()


def test_a_private_file_whose_sha256_is_known_comes_only_to_its_reader(desk: Desk, tmp_path: Path) -> None:
    (desk.bob / "secret.txt").write_text("the reader's own\n")
    secret = run("git", "hash-object", "-w", "secret.txt", cwd=desk.bob)
    desk.publish_manifest("large", {"wanted.txt": entry(b"the reader's own\n", blob=secret)})
    desk.type(desk.bob, "artifact", "get", "large/wanted.txt", "-o", str(tmp_path / "out"))
    desk.type(desk.bob, "push")
    there = run("git", "cat-file", "--batch-all-objects", "--batch-check", cwd=desk.bare)
    assert secret not in there, "reading published it"


@pytest.mark.parametrize(
    ("files", "packs"),
    [
        ({"x": {"sha256": "nothex"}}, None),
        ({"x": {"size": -1}}, None),
        ({"x": {"size": 1 << 70}}, None),
        ({"x": {"type": "a\nb"}}, None),
        ({"x": {"blob": "../../config"}}, None),
        ({"x": {"blob": "--upload-pack=touch /tmp/gtrack-planted"}}, None),
        ({"x": {"pack": "ab" * 32, "offset": 0}}, None),
        ({"x": {"pack": "ab" * 32, "offset": 5}}, {"ab" * 32: {"size": 3}}),
        ({"x": {"pack": "ab" * 32, "offset": 0}}, {"ab" * 32: {"size": 1 << 40}}),
        ({"x": {"pack": "../../x", "offset": 0}}, {"../../x": {"size": 100}}),
        ({"x": {"media": "text"}}, None),
        ({"x": {"time": "yesterday"}}, None),
    ],
)
def test_an_entry_that_cannot_be_is_named_and_left_out(
    files: dict[str, dict[str, object]], packs: dict[str, object] | None, desk: Desk, tmp_path: Path
) -> None:
    wrong: dict[str, object] = {path: {**entry(b"data"), **more} for path, more in files.items()}
    desk.publish_manifest("large", wrong, packs)
    said = desk.type(desk.bob, "artifact", "get", "large/x", "-o", str(tmp_path / "out"), code=3)
    assert '"x" is left out' in said.err
    assert "has no artifact 'x'" in said.err
    assert files_below(tmp_path / "out") == {}
    assert '"x" is left out' in desk.type(desk.bob, "show", "large").out
    assert not Path("/tmp/gtrack-planted").exists()


def test_a_pack_that_holds_something_else_gives_nothing(desk: Desk, tmp_path: Path) -> None:
    manifest = desk.manifest("plots")
    [(pack, about)] = manifest["packs"].items()
    where = manifest["files"]["plots/roc.png"]["offset"]
    wrong = {"lie.txt": entry(b"data", pack=pack, offset=where + 1)}
    desk.publish_manifest("large", {**wrong, "roc.png": entry(PLOT, pack=pack, offset=where)}, {pack: about})
    said = desk.type(desk.bob, "artifact", "get", "large/*", "-o", str(tmp_path / "out"), code=6)
    assert "lie.txt is not what its manifest says" in said.err
    assert files_below(tmp_path / "out") == {"roc.png": PLOT}
    desk.type(desk.bob, "artifact", "cat", "large/lie.txt", code=6)
    said = desk.type(desk.bob, "artifact", "verify", "large", code=6)
    assert "/lie.txt: in the manifest: what it names in its pack has another SHA-256" in said.out


def test_a_size_that_is_not_the_contents_is_found(desk: Desk, tmp_path: Path) -> None:
    real = desk.manifest("plots")["files"]["middle.bin"]
    desk.publish_manifest("large", {"lie.bin": {**real, "size": 5}})
    desk.type(desk.bob, "artifact", "get", "plots/middle.bin", "-o", str(tmp_path / "real"))
    said = desk.type(desk.bob, "artifact", "verify", "large/lie.bin", code=6)
    assert "it names an object of 5 bytes, which has 200,000" in said.out


def test_nothing_is_asked_of_anybody_but_the_remote_and_the_store(desk: Desk, tmp_path: Path) -> None:
    # A manifest has no place for a URL: what looks like one is a path, and no safe one.
    chained = "simplecache::file:///etc/passwd"
    data = b"data"
    desk.publish_manifest(
        "large",
        {chained: entry(data), "url": entry(data, url="file:///etc/passwd", sha256=hashlib.sha256().hexdigest())},
    )
    said = desk.type(desk.bob, "artifact", "get", "large/url", "-o", str(tmp_path / "out"), code=3)
    assert "it has a colon" in said.err
    assert files_below(tmp_path / "out") == {}
