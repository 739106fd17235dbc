"""What belongs to the set of files that the branch is: decided by path, mode, size and digest, and by nothing else.

A tree can hold anything; the union of two trees is that of their *members*. What a document says never decides, so
that every version of gtrack agrees on the set: a document that cannot be read is a member without effect. The table of
``docs/design.md``, section 13, says what happens to the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gtrack.branch.objects import BLOB_MODE
from gtrack.errors import ParseError
from gtrack.format import yaml
from gtrack.format.names import parse_run_file, split_path
from gtrack.ids import sha12

__all__ = [
    "DOCUMENT_BYTES",
    "FILE_BYTES",
    "Place",
    "Source",
    "content_fault",
    "counts",
    "document_fault",
    "fault",
    "file_fault",
    "folder_fault",
    "mode_fault",
    "path_fault",
    "place",
    "signed_file",
    "size_fault",
    "stamp_fault",
]

FILE_BYTES = 8 << 20
"""The largest file that is a member, in bytes: one that a host refuses would hold back everybody's pushes."""
DOCUMENT_BYTES = yaml.MAX_BYTES
"""The largest YAML document that is a member, in bytes: a larger one is never read."""

_NAME_BYTES = 255
_PATH_BYTES = 1024
_DEEPEST = 16
_MODES = {0o120000: "a symbolic link", 0o160000: "a submodule", 0o100755: "an executable file"}
# A colon names a drive or a stream, a backslash is a slash: both on Windows.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\:]")
# What HFS+ ignores in names, so that they become others: https://github.com/git/git/blob/v2.39.5/utf8.c
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")

_STAMP = r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z"
_STAMPED = re.compile(rf"({_STAMP})-[0-9a-f]{{12}}\.yaml\Z")
_EVENT = rf"{_STAMP}-(?P<digest>[0-9a-f]{{12}})\.yaml"
_SLUG = r"(?!\.)(?:[a-z0-9._-]|%[0-9a-f]{2})+"
_RUN = r"(?P<fan>[0-9a-f]{2})/(?P<run>(?P=fan)[0-9a-f]{30})"
_OTHERS = {
    "FORMAT": {"format": r"FORMAT"},
    "README.md": {"readme": r"README\.md"},
    "experiments": {"experiment": rf"experiments/{_SLUG}/events/{_EVENT}"},
    "models": {
        "version": rf"models/{_SLUG}/versions/[0-9a-f]{{32}}\.yaml",
        "number": rf"models/{_SLUG}/numbers/[1-9][0-9]*-[0-9a-f]{{32}}",
        "model": rf"models/{_SLUG}/events/{_EVENT}",
    },
    "sweeps": {"sweep": r"sweeps/[0-9a-z-]+/sweep\.yaml"},
    "views": {"view": rf"views/{_SLUG}/{_EVENT}"},
    "tombstones": {
        "tombstone": rf"tombstones/{_RUN}/{_EVENT}",
        "dropped": rf"tombstones/{_RUN}/dropped-(?P<epoch>[1-9][0-9]{{0,8}})",
    },
    "redacted": {"redacted": r"redacted/(?P<oid>[0-9a-f]{40}|[0-9a-f]{64})"},
}
_PATTERNS = {
    top: [(kind, re.compile(pattern + r"\Z")) for kind, pattern in kinds.items()] for top, kinds in _OTHERS.items()
}
_FOLDERS = re.compile(
    rf"(?:runs|tombstones)(?:/[0-9a-f]{{2}}(?:/[0-9a-f]{{32}})?)?|runs/[0-9a-f]{{2}}/[0-9a-f]{{32}}/events|redacted"
    rf"|(?:experiments|views|sweeps)(?:/{_SLUG})?|models(?:/{_SLUG}(?:/(?:versions|numbers))?)?"
    rf"|(?:experiments|models)/{_SLUG}/events"
)
_SIGNATURE = re.compile(r"(?P<file>.+)\.[0-9a-f]{12}\.sig\Z")


class Source(Enum):
    """Where a tree comes from: whose word its files are.

    Inboxes of the tracking remote hold what clones sent and nobody has checked, so their files are ``LOCAL``.
    """

    TRACKING = "the tracking remote"
    LOCAL = "this clone"
    OTHER = "another remote"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path of the format is.

    Attributes:
        kind: That of :class:`gtrack.format.names.RunFile`, or ``format``, ``readme``, ``experiment``, ``version``,
            ``number``, ``model``, ``sweep``, ``view``, ``tombstone``, ``dropped``, ``redacted``, ``signature``.
        run_id: The run that it belongs to or speaks of, or None.
        digest: The ``sha12`` of the content that the name demands, or None.
        epoch: Of ``dropped``: the epoch at whose beginning the run's files were dropped; else None.
        oid: Of ``redacted``: the object that may not come back; else None.
    """

    kind: str
    run_id: str | None = None
    digest: str | None = None
    epoch: int | None = None
    oid: str | None = None


def place(path: str) -> Place | None:
    """Tell what a path means; None when the format knows no such file.

    Example:
        >>> place("models/churn/versions/3f2a9c1d7b6e4a508c2f9e0d1a7b3c55.yaml").kind
        'version'
    """
    run = split_path(path)
    if run is not None:
        file = parse_run_file(run[1])
        if file is not None:
            return Place(file.kind, run[0], file.digest)
    for kind, pattern in _PATTERNS.get(path.partition("/")[0], ()):
        match = pattern.match(path)
        if match is not None:
            found = match.groupdict()
            epoch = found.get("epoch")
            return Place(kind, found.get("run"), found.get("digest"), int(epoch) if epoch else None, found.get("oid"))
    return Place("signature", run[0] if run else None) if _SIGNATURE.match(path) else None


def signed_file(path: str) -> str | None:
    """Return the path of the file that a signature is over; None when the path is not a signature's."""
    match = _SIGNATURE.match(path)
    return match["file"] if match else None


def counts(path: str, source: Source) -> bool:
    """Tell whether a file is heard at all: of another remote only runs are.

    Never its tombstones, models, experiments, views, sweeps, redactions or FORMAT: a fork must not hide a run, move an
    alias or change what anything means.
    """
    return source is not Source.OTHER or split_path(path) is not None


def fault(path: str, mode: int) -> str | None:
    """Tell why a file is not a member by its path and mode; None when it may be one.

    Args:
        path: From the root of the tree; bytes that are not UTF-8 as surrogates.
        mode: Its mode in the tree.

    Example:
        >>> fault("runs/../../.ssh/authorized_keys", 0o100644)
        'the path is not safe to check out'
    """
    return mode_fault(mode) or path_fault(path)


def mode_fault(mode: int) -> str | None:
    """Tell why a file is not a member by its mode; None when it may be one."""
    return None if mode == BLOB_MODE else f"it is {_MODES.get(mode, f'of the mode {mode:o}')}, not a plain file"


def path_fault(path: str) -> str | None:
    """Tell why a file is not a member by its path; None when it may be one.

    Args:
        path: From the root of the tree; bytes that are not UTF-8 as surrogates.
    """
    known = place(path)
    if known is not None and known.kind != "signature":
        return None  # no path of the format is unsafe, or below a file
    ends = [at for at, character in enumerate(path) if character == "/"]
    below = (folder_fault(path[:at], path[path.rfind("/", 0, at) + 1 : at]) for at in ends)
    return next(filter(None, below), None) or file_fault(path, path[ends[-1] + 1 :] if ends else path, known)


def file_fault(path: str, name: str, known: Place | None) -> str | None:
    """Tell why no file may have a path, the folders on its way being sound; None when one may.

    Args:
        path: From the root of the tree; bytes that are not UTF-8 as surrogates.
        name: The last part of it.
        known: What the path means to the format.
    """
    if known is not None and known.kind != "signature":
        return None
    if _FOLDERS.fullmatch(path):
        return "it is a file where the format has a folder"
    return _name_fault(path, name)


def folder_fault(path: str, name: str) -> str | None:
    """Tell why no folder may have a path, the folders on its way being sound; None when one may.

    A folder where the format has a file would let a member without meaning push out one that has some.

    Args:
        path: From the root of the tree, without a slash at the end; bytes that are not UTF-8 as surrogates.
        name: The last part of it.
    """
    if _FOLDERS.fullmatch(path):
        return None
    if place(path) is not None:
        return "it is a folder where the format has a file"
    return _name_fault(path, name)


def _name_fault(path: str, name: str) -> str | None:
    if not name or name in (".", "..") or "/" in name or _UNSAFE.search(name) or _is_git(name):
        return "the path is not safe to check out"
    try:
        sizes = len(name.encode()), len(path.encode())
    except UnicodeEncodeError:
        return "the path is not UTF-8"
    if sizes[0] > _NAME_BYTES or sizes[1] > _PATH_BYTES or path.count("/") >= _DEEPEST:
        return (
            f"the path is longer than {_PATH_BYTES} bytes, a part of it than {_NAME_BYTES}, or it has over {_DEEPEST}"
        )
    return None


def _is_git(name: str) -> bool:
    """Tell whether some file system takes a name for ``.git``: by case, or as HFS+ and NTFS do.

    See ``is_hfs_dotgit`` and ``is_ntfs_dotgit`` of git, https://github.com/git/git/blob/v2.39.5/path.c
    """
    if not name.isascii():
        name = _IGNORED.sub("", name)
    return name[:4].lower() in (".git", "git~") and name.lower().rstrip(" .") in (".git", "git~1")


def size_fault(path: str, known: Place | None, size: int) -> str | None:
    """Tell why a file is not a member by its size; None when it may be one.

    Args:
        path: From the root of the tree.
        known: What the path means to the format.
        size: In bytes.
    """
    limit = DOCUMENT_BYTES if known is not None and path.endswith(".yaml") else FILE_BYTES
    return f"it has {size:,} bytes; at most {limit:,} are accepted" if size > limit else None


def content_fault(known: Place | None, data: bytes) -> str | None:
    """Tell why a file is not a member by its content; None when it is one.

    Args:
        known: What its path means to the format.
        data: The content.
    """
    if known is not None and known.digest is not None and known.digest != sha12(data):
        return "the content does not match the digest in its name"
    return None


def stamp_fault(path: str, horizon: str | None) -> str | None:
    """Tell why a file's stamp is too far ahead for one of another remote; None when it is not.

    Args:
        path: From the root of the tree.
        horizon: The latest stamp to take, or None for any.
    """
    match = _STAMPED.search(path)
    return "the stamp in its name is far in the future" if match and horizon and match[1] > horizon else None


def document_fault(path: str, data: bytes) -> str | None:
    """Tell why a document cannot be read; None when it can, or when the file is none.

    Such a file is a member all the same, without effect, except one that another remote offers.

    Args:
        path: From the root of the tree.
        data: The content.
    """
    if not path.endswith(".yaml") or place(path) is None:
        return None
    try:
        yaml.load(data)
    except ParseError as error:
        return error.message
    return None
