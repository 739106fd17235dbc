"""Of untracked files a snapshot takes source, in bounded number and size."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from snapshot_checkout import GITHUB_TOKEN

from gtrack.branch.untracked import LISTED, SnapshotPolicy, file_digest, select_untracked


def write(root: Path, path: str, content: bytes = b"x = 1\n") -> str:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return path


def reasons(root: Path, *paths: str, **policy: object) -> dict[str, str]:
    selection = select_untracked(str(root), paths, SnapshotPolicy(**policy))  # type: ignore[arg-type]
    return {file.path: file.reason for file in selection.left_out}


def test_text_of_at_most_one_mebibyte_is_taken(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, "a.py"),
        write(tmp_path, "conf/b.yaml", b"\xff latin-1 is text"),
        write(tmp_path, "Makefile"),
        write(tmp_path, "empty.py", b""),
        write(tmp_path, "full.py", b"#" * (1 << 20)),
        write(tmp_path, "over.py", b"#" * ((1 << 20) + 1)),
        write(tmp_path, "binary", b"ELF\0"),
        write(tmp_path, "Model.PT"),
    ]
    selection = select_untracked(str(tmp_path), paths, SnapshotPolicy())
    assert selection.taken == ("Makefile", "a.py", "conf/b.yaml", "empty.py", "full.py")
    assert [(file.path, file.reason) for file in selection.left_out] == [
        ("Model.PT", "suffix"),
        ("binary", "binary"),
        ("over.py", "size"),
    ]
    assert selection.left_out[0].digest == hashlib.sha256(b"x = 1\n").hexdigest()
    assert (selection.left_out[2].size, selection.left_out[2].digest) == ((1 << 20) + 1, None)


def test_the_policy_sets_size_and_suffixes(tmp_path: Path) -> None:
    paths = [write(tmp_path, "a.csv"), write(tmp_path, "b.py", b"#" * 11)]
    assert reasons(tmp_path, *paths, skip_suffixes=frozenset(), max_bytes=10) == {"b.py": "size"}


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("a.py", True),
        ("../a.py", True),
        ("missing", True),
        ("..", True),
        ("../..", False),
        ("../../outside", False),
        ("../x/../../outside", False),
        ("/etc/passwd", False),
        ("../.git/config", False),
        ("../.GIT/config", False),
    ],
)
def test_a_link_is_taken_when_it_stays_inside(tmp_path: Path, target: str, inside: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(target)
    assert reasons(tmp_path, "folder/link") == ({} if inside else {"folder/link": "link-outside"})


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert reasons(tmp_path, "pipe", "gone.py", "inner/") == {
        "gone.py": "unreadable",
        "inner/": "embedded-repository",
        "pipe": "not-a-file",
    }
    assert file_digest(str(tmp_path / "pipe")) is None


def test_environments_and_caches_are_one_entry_each(tmp_path: Path) -> None:
    paths = ["my env/pyvenv.cfg", "my env/lib/a.py", "web/node_modules/x/y.js", "web/node_modules/z.js", "my envoy.py"]
    write(tmp_path, "my envoy.py")
    assert reasons(tmp_path, *paths) == {"my env/": "virtual-environment", "web/node_modules/": "cache"}


def test_secrets_are_left_out_by_name_and_by_content_and_have_no_digest(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, ".env.local", b"x"),
        write(tmp_path, "deploy/server.pem", b"x"),
        write(tmp_path, "push.py", f"t = '{GITHUB_TOKEN}'".encode()),
    ]
    selection = select_untracked(str(tmp_path), paths, SnapshotPolicy())
    assert [(file.reason, file.digest) for file in selection.left_out] == [("secret", None)] * 3
    assert selection.warnings == ("push.py is not in the code snapshot: it seems to hold a secret (GitHub token)",)


def test_beyond_the_bounds_the_deepest_files_are_left_out_with_a_warning(tmp_path: Path) -> None:
    paths = [write(tmp_path, path, b"#" * 10) for path in ("z.py", "a/b/c.py", "a/y.py", "a/x.py")]
    by_count = select_untracked(str(tmp_path), paths, SnapshotPolicy(max_untracked=2))
    by_size = select_untracked(str(tmp_path), paths, SnapshotPolicy(max_total_bytes=29))

    assert by_count.taken == by_size.taken == ("a/x.py", "z.py")
    assert {file.reason for file in by_count.left_out} == {"count"}
    assert {file.reason for file in by_size.left_out} == {"total-size"}
    assert by_count.warnings == (
        "more than 2 untracked source files: 2 are not in the code snapshot; add them to git or to .gitignore",
    )
    assert len(by_size.warnings) == 1


def test_a_hundred_thousand_untracked_files_cost_little(tmp_path: Path) -> None:
    images = [f"images/{number % 100:02}/{number}.png" for number in range(60_000)]
    texts = [f"corpus/{number}.txt" for number in range(40_000)]
    train = write(tmp_path, "train.py")
    secret = write(tmp_path, "zz/.env")

    began = time.perf_counter()
    selection = select_untracked(str(tmp_path), [*images, *texts, train, secret], SnapshotPolicy())
    seconds = time.perf_counter() - began

    assert selection.taken == ("train.py",)
    assert len(selection.left_out) == LISTED
    assert (secret, "secret") in [(file.path, file.reason) for file in selection.left_out]
    assert selection.unlisted == 100_001 - LISTED
    assert seconds < 5
