"""Where data came from: pointer files of DVC and git-LFS, object versions, URIs. Nothing here is ever opened."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from gtrack.capture.redact import HIDDEN, is_secret_name, redact_text
from gtrack.errors import ParseError
from gtrack.format import yaml
from gtrack.format.plain import to_plain

__all__ = ["as_source", "dvc_beside", "dvc_pointer", "first_bytes", "is_uri", "lfs_pointer", "unversioned"]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MOST_SOURCE = 200
"""How many values a source may hold."""
_LONGEST = 2048
_POINTER_BYTES = 64 << 10
_LFS = re.compile(
    rb"\Aversion https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,19})\n"
)
"""https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""
_VERSION_KEYS = frozenset(
    "version versionid versionnumber revision rev commit commitid snapshot snapshotid generation etag md5 sha256 "
    "digest checksum asof timestamp".split()
)
_MOVING = frozenset("latest main master head dev develop trunk production prod staging current newest".split())
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
_VERSION_PATH = re.compile(r"[@:/=]v?\d+(?:\.\d+)*(?=[/@:]|\Z)|[0-9a-f]{32,64}")


def is_uri(text: str) -> bool:
    """Tell whether a text names something by a URI rather than a path."""
    return _URI.match(text) is not None


def as_source(source: object) -> dict[str, object]:
    """Return what a user says of a source as a map without secrets, of bounded size.

    Args:
        source: A URI, a path, or facts by name, such as ``{"uri": ..., "version": ...}``.

    Example:
        >>> as_source("s3://ada:secret@bucket/train.csv?versionId=3")
        {'uri': 's3://***@bucket/train.csv?versionId=3'}
    """
    plain = to_plain(source)
    if plain is None:
        return {}
    if isinstance(plain, str):
        plain = {"uri" if is_uri(plain) else "name": plain}
    kept = _safe(plain if isinstance(plain, dict) else {"value": plain}, [_MOST_SOURCE])
    return kept if isinstance(kept, dict) else {}


def unversioned(source: Mapping[str, object]) -> str | None:
    """Return why a source does not say which version of the data it is; None when it does, or names no place.

    Args:
        source: What :func:`as_source` returned.

    Example:
        >>> unversioned({"uri": "s3://bucket/train.csv"})
        'names no version'
    """
    named = {re.sub(r"[^a-z0-9]", "", key.lower()): value for key, value in source.items()}
    versions = [str(named[key]) for key in _VERSION_KEYS & named.keys() if named[key] not in (None, "")]
    moving = next((version for version in versions if version.lower() in _MOVING), None)
    if moving is not None:
        return f"names {moving!r:.40}, which moves"
    uri = next((value for key, value in named.items() if key in ("uri", "url") and isinstance(value, str)), "")
    if versions or not is_uri(uri):
        return None
    return _unversioned_uri(uri)


def lfs_pointer(data: bytes) -> tuple[str, int] | None:
    """Return the SHA-256 and the size of the file that a git-LFS pointer stands for; None for anything else.

    Args:
        data: The first bytes of the file.
    """
    match = _LFS.match(data)
    return None if match is None else (match[1].decode(), int(match[2]))


def dvc_pointer(path: str) -> dict[str, object] | None:
    """Return what a ``.dvc`` file says of the data it stands for: hash, size, number of files, path, where it is from.

    See https://dvc.org/doc/user-guide/project-structure/dvc-files

    Args:
        path: The pointer file.

    Returns:
        The facts of its first output; None when there is no such file, or it is none of DVC's.
    """
    try:
        with open(path, "rb") as file:
            document = yaml.load(file.read(_POINTER_BYTES))
    except (OSError, ParseError):
        return None
    outs, deps = (document.get(name) for name in ("outs", "deps"))
    out = outs[0] if isinstance(outs, list) and outs else None
    if not isinstance(out, dict):
        return None
    facts = {name: out[name] for name in ("path", "md5", "etag", "hash", "size", "nfiles", "version_id") if name in out}
    dependency = deps[0] if isinstance(deps, list) and deps else None
    if isinstance(dependency, dict):
        facts["from"] = {name: dependency[name] for name in ("path", "repo", "etag", "md5") if name in dependency}
    safe = _safe(facts, [_MOST_SOURCE])
    return safe if isinstance(safe, dict) else None


def first_bytes(path: str) -> bytes:
    """Return the beginning of a file, as much as a pointer has."""
    with open(path, "rb") as file:
        return file.read(1024)


def dvc_beside(path: str) -> dict[str, object] | None:
    """Return what the ``.dvc`` file beside a file or folder says of it."""
    return dvc_pointer(path.rstrip(os.sep) + ".dvc")


def _safe(value: object, left: list[int], key: str = "") -> object:
    """Return a plain value without secrets, and without what is beyond the bound."""
    left[0] -= 1
    if key and is_secret_name(key):
        return HIDDEN
    if isinstance(value, dict):
        return {redact_text(k)[:200]: _safe(v, left, k) for k, v in value.items() if left[0] > 0}
    if isinstance(value, list):
        return [_safe(item, left) for item in value if left[0] > 0]
    return redact_text(value)[:_LONGEST] if isinstance(value, str) else value


def _unversioned_uri(uri: str) -> str | None:
    parts = urlsplit(uri)
    scheme, path = parts.scheme.lower(), parts.path
    query = {re.sub(r"[^a-z0-9]", "", key.lower()): values[0] for key, values in parse_qs(parts.query).items()}
    words = re.split(r"[/@:=]", f"{path}@{parts.fragment}")
    if any(word.lower() == "latest" for word in words) or "latest" in (v.lower() for v in query.values()):
        return "names 'latest', which moves"
    if _VERSION_KEYS & query.keys() or {"versionasof", "timestampasof"} & query.keys():
        return None
    if scheme == "lakefs":  # lakefs://repository/reference/path: a reference is a commit, or moves
        reference = path.lstrip("/").partition("/")[0]
        return None if _COMMIT.match(reference) else f"names {reference!r:.40}, which is no commit"
    if scheme in ("gs", "gcs") and parts.fragment.isdigit():  # an object's generation
        return None
    revision = path.rpartition("@")[2] if "@" in path else ""
    if revision:
        return f"names {revision!r:.40}, which moves" if revision.lower() in _MOVING else None
    return None if _VERSION_PATH.search(path) else "names no version"
