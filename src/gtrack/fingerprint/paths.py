"""Files and folders as inputs, and the pointers of DVC and git-LFS that stand for some."""

from __future__ import annotations

import os

from gtrack.fingerprint.described import Described
from gtrack.fingerprint.files import digest_path
from gtrack.fingerprint.sources import dvc_beside, dvc_pointer, first_bytes, lfs_pointer
from gtrack.fingerprint.stat_cache import StatCache

__all__ = ["describe_path"]


def describe_path(text: str, cache: StatCache, root: str | None) -> Described:
    """Return the fingerprint of a file or a folder, or of what a pointer file stands for.

    Args:
        text: Its path.
        cache: What is known of files.
        root: The folder to which paths are told relative.

    Raises:
        ValueError: It is neither a file nor a folder.
        OSError: It cannot be read.
    """
    path = os.path.abspath(text)
    told = _told(path, root)
    pointer = dvc_pointer(path) if path.endswith(".dvc") and os.path.isfile(path) else None
    if pointer is not None:
        return _of_dvc(path, told, pointer, cache, root)
    if os.path.isfile(path) and (found := lfs_pointer(first_bytes(path))) is not None:
        digest, size = found
        source = {"lfs": {"sha256": digest}}
        remark = f"{told} is a git-LFS pointer: its content is not here (git lfs pull)"
        facts = {"digest": digest, "kind": "file", "path": told, "bytes": size, "source": source}
        return Described(facts, remarks=[remark])
    held = digest_path(path, cache)
    facts = {
        "digest": held.digest,
        "kind": "file" if held.files is None else "directory",
        "path": told,
        "bytes": held.bytes,
    }
    if held.files is not None:
        facts["files"] = held.files
    if (beside := dvc_beside(path)) is not None:
        facts["source"] = {"dvc": beside}
    remarks = [f"{name or told:.80} changed while it was read" for name in held.unsteady[:3]]
    if held.left_out:
        remarks.append(
            f"{len(held.left_out):,} entries of {told} are no files and do not count: {held.left_out[0]:.80}"
        )
    return Described(facts, remarks=remarks)


def _of_dvc(path: str, told: str, pointer: dict[str, object], cache: StatCache, root: str | None) -> Described:
    """Describe what a pointer stands for: the data beside it where it is here, else by the pointer's word."""
    name = str(pointer.get("path", ""))
    beside = os.path.join(os.path.dirname(path), os.path.basename(name))
    if name and name not in (".", "..") and os.path.basename(name) == name and os.path.exists(beside):
        out = describe_path(beside, cache, root)
        out.facts["source"] = {"dvc": pointer}
        return out
    digest = pointer.get("md5") or pointer.get("etag") or pointer.get("hash")
    facts: dict[str, object] = {
        "digest": f"md5:{digest}" if pointer.get("md5") else None,
        "kind": "uri",
        "path": told,
        "bytes": pointer.get("size"),
        "source": {"dvc": pointer},
    }
    return Described(facts, remarks=[f"{told} is a pointer of DVC's: its content is not here (dvc pull)"])


def _told(path: str, root: str | None) -> str:
    """Return a path as it is recorded: relative to the repository, or with ``~`` for the home folder."""
    # A link is told by its own name: DVC's data may be links into its cache.
    followed = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    for base, prefix in ((root, ""), (os.path.expanduser("~"), "~/")):
        for each in (path, followed) if base else ():
            for folder in (base, os.path.realpath(base or "")):
                if folder and each.startswith(os.path.join(folder, "")):
                    return prefix + os.path.relpath(each, folder)
    return path
