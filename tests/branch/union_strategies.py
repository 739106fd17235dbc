"""Trees of the branch to unite: made of real objects, hostile members included, with the union spelt out naively."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from hypothesis import strategies as st

from gtrack.branch.commit import README, format_file
from gtrack.branch.objects import BLOB, BLOB_MODE, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.format import names
from gtrack.ids import sha12

LINK, SUBMODULE, EXECUTABLE = 0o120000, 0o160000, 0o100755
STAMP = "20261121T142530.123456Z"
RUN, OTHER, DEAD = "3f" + "0" * 30, "3f" + "1" * 30, "a0" + "2" * 30
Member = tuple[str, int, bytes]
Files = Mapping[str, tuple[int, bytes]]


def new_repository(path: Path, *options: str) -> str:
    """Make an empty repository and return its path."""
    subprocess.run(["git", "init", "-q", *options, str(path)], check=True)
    return str(path)


def event(run_id: str, text: str, kind: str = "runs") -> tuple[str, bytes]:
    """Return path and content of an event, named by its own content."""
    data = f'format: 1\nkind: "note"\ntext: "{text}"\n'.encode()
    folder = f"{kind}/{run_id[:2]}/{run_id}"
    return f"{folder}/{names.event(STAMP, data) if kind == 'runs' else f'{STAMP}-{sha12(data)}.yaml'}", data


def plant(repo: Repository, files: Files) -> str:
    """Write a tree of files given as (mode, content) by path; a path may be anything that git can store."""
    nested: dict[bytes, dict[str, tuple[int, bytes]]] = {}
    entries: dict[bytes, tuple[int, str]] = {}
    for path, (mode, data) in files.items():
        name, _, rest = path.partition("/")
        raw = name.encode("utf-8", "surrogateescape")
        if rest:
            nested.setdefault(raw, {})[rest] = (mode, data)
        else:
            entries[raw] = (mode, repo.objects.write(BLOB, data))
    for raw, below in nested.items():
        entries[raw] = (TREE_MODE, plant(repo, below))
    return repo.objects.write_tree(entries)


def plain(files: Mapping[str, bytes], *, epoch: int = 0) -> dict[str, tuple[int, bytes]]:
    """Return a sound tree's files: those given, with FORMAT and README.md."""
    first = {"FORMAT": format_file(epoch), "README.md": README.encode()}
    return {path: (BLOB_MODE, data) for path, data in {**first, **files}.items()}


def contents(repo: Repository, tree: str) -> dict[str, tuple[int, bytes]]:
    """Return what a tree holds."""
    return {path: (mode, repo.read_blob(oid)) for path, mode, oid in repo.objects.walk(tree)}


SECRET = b"a secret that was redacted\n"


def members(redacted: str) -> tuple[list[Member], list[Member]]:
    """Return members that belong to the set, and ones that do not.

    Args:
        redacted: The object id of :data:`SECRET`.
    """
    run, other, dead = (names.run_dir(run_id) for run_id in (RUN, OTHER, DEAD))
    good = [
        *((f"{run}/run.yaml", BLOB_MODE, f"format: 1\nid: {text}\n".encode()) for text in "abc"),
        *((f"{dead}/run.yaml", BLOB_MODE, f"format: 1\nid: {text}\n".encode()) for text in "xy"),
        *((f"{run}/metrics-0123abcd-4567abcd-0-9.parquet", BLOB_MODE, text) for text in (b"one", b"two")),
        *((path, BLOB_MODE, data) for path, data in (event(RUN, "1"), event(OTHER, "2"), event(DEAD, "3"))),
        (f"{other}/{names.end(STAMP, b'ended')}", BLOB_MODE, b"ended"),
        (f"{other}/{names.values(b'long')}", BLOB_MODE, b"long"),
        (f"{other}/console-0123abcd-4567abcd.log.gz", BLOB_MODE, SECRET),
        (f"{dead}/unknown/deep", BLOB_MODE, b"1"),
        ("notes", BLOB_MODE, b"1"),
        ("notes/one.txt", BLOB_MODE, b"1"),
        ("notes/one.txt", BLOB_MODE, b"2"),
        ("notes/one.txt/two", BLOB_MODE, b"3"),
        ("secret.txt", BLOB_MODE, SECRET),
        (f"redacted/{redacted}", BLOB_MODE, b""),
        (f"redacted/{redacted}", BLOB_MODE, SECRET),
        (*event(RUN, "gone", "tombstones")[:1], BLOB_MODE, event(RUN, "gone", "tombstones")[1]),
        (f"tombstones/{DEAD[:2]}/{DEAD}/dropped-1", BLOB_MODE, b""),
        (f"tombstones/{RUN[:2]}/{RUN}/dropped-2", BLOB_MODE, b""),
        ("models/churn/numbers/1-" + "ab" * 16, BLOB_MODE, b""),
        ("README.md", BLOB_MODE, b"another\n"),
        ("README.md", BLOB_MODE, README.encode()),
    ]
    bad = [
        (f"{run}/run.yaml", LINK, b"/etc/passwd"),
        (f"{other}/run.yaml", SUBMODULE, b""),
        (f"{other}/run.yaml", EXECUTABLE, b"#!/bin/sh\n"),
        (f"{run}/{names.event(STAMP, b'one thing')}", BLOB_MODE, b"another"),
        (f"{run}/{names.values(b'one thing')}", BLOB_MODE, b"another"),
        (f"{run}/run.yaml/x", BLOB_MODE, b"a folder in the place of a file"),
        (f"redacted/{redacted}/x", BLOB_MODE, b""),
        ("runs", BLOB_MODE, b"a file in the place of a folder"),
        ("tombstones", LINK, b"runs"),
        (f"{run}/events", BLOB_MODE, b""),
        ("../up", BLOB_MODE, b"1"),
        ("notes/.GIT/config", BLOB_MODE, b"1"),
        ("notes/a\\b", BLOB_MODE, b"1"),
        ("notes/\udcff", BLOB_MODE, b"1"),
    ]
    return good, bad


def trees(good: Iterable[Member], bad: Iterable[Member]) -> st.SearchStrategy[Files]:
    """Return a strategy for trees: some members, and perhaps a FORMAT file of some epoch."""
    chosen = st.lists(st.sampled_from([*good, *bad]), max_size=8)
    return st.builds(_as_files, chosen, st.sampled_from([None, 0, 0, 1, 2]))


def _as_files(chosen: list[Member], epoch: int | None) -> dict[str, tuple[int, bytes]]:
    files = {path: (mode, data) for path, mode, data in chosen}
    for path in sorted(files):  # git cannot hold both a file and a folder of one name
        if any(other.startswith(path + "/") for other in files):
            del files[path]
    if epoch is not None:
        files["FORMAT"] = (BLOB_MODE, format_file(epoch))
    return files


def expected(repo: Repository, given: Iterable[Files], bad: Iterable[Member], redacted: str) -> Files:
    """Return the union of trees, from what the set is said to be."""
    given, wrong = list(given), set(bad)
    epoch = max((int(files["FORMAT"][1].split()[-1]) for files in given if "FORMAT" in files), default=0)
    present = {(p, m, d) for files in given for p, (m, d) in files.items() if p != "FORMAT"} - wrong
    paths = {path for path, _, _ in present}
    dead = {
        run_id
        for run_id, since in ((DEAD, 1), (RUN, 2))
        if f"tombstones/{run_id[:2]}/{run_id}/dropped-{since}" in paths and epoch >= since
    }
    hidden = {SECRET} if f"redacted/{redacted}" in paths else set()
    kept: dict[str, bytes] = {}
    for path, _, data in [*present, ("README.md", 0, README.encode())]:
        redaction = data in hidden and path != f"redacted/{redacted}"
        if redaction or any(path.startswith(names.run_dir(run_id) + "/") for run_id in dead):
            continue
        kept[path] = min(data, kept.get(path, data), key=lambda content: repo.objects.id_of(BLOB, content))
    kept = {path: data for path, data in kept.items() if not any(other.startswith(path + "/") for other in kept)}
    return {path: (BLOB_MODE, data) for path, data in {**kept, "FORMAT": format_file(epoch)}.items()}
