"""Identifiers: runs, sessions, writers, slugs, digests."""

from __future__ import annotations

import hashlib
import os
import re

__all__ = [
    "SHORT",
    "derived_ids",
    "is_object_id",
    "is_run_id",
    "new_run_id",
    "new_session_id",
    "run_name",
    "sha12",
    "slug",
    "unslug",
]

SHORT = 7
"""How many digits of a run id are shown."""

_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_RUN_ID = re.compile(r"[0-9a-f]{32}\Z")
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789._-")

_ADJECTIVES = (
    "able agile amber bold brave brisk bright calm candid clear clever cosmic crisp curious daring deep eager early "
    "fair fleet fresh gentle glad golden grand happy honest humble jolly keen kind lively loyal lucid lucky mellow "
    "merry mild modest neat nimble noble patient placid polite proud quick quiet ready robust serene sharp silent "
    "silver smart solid steady sturdy subtle sunny swift tidy vivid warm wise witty young zesty"
).split()
_NOUNS = (
    "acorn aspen badger beacon birch brook canyon cedar comet coral crane delta dune eagle ember falcon fern finch "
    "fjord fox garnet glacier grove harbor hawk heron hill iris island ivy jay juniper kestrel lagoon lake lark "
    "lemur lily lynx maple marten meadow mesa moss oak ocean opal orca orchid otter owl panda pebble pine plover "
    "prairie quartz raven reef ridge river robin sparrow spruce summit swan thistle tiger tulip valley willow wren"
).split()


def new_run_id() -> str:
    """Return a new run id: 32 random lower-case hex digits."""
    return os.urandom(16).hex()


def new_session_id() -> str:
    """Return a new session or writer id: 8 random lower-case hex digits."""
    return os.urandom(4).hex()


def is_run_id(text: str) -> bool:
    """Tell whether ``text`` is a whole run id."""
    return _RUN_ID.match(text) is not None


def is_object_id(text: str) -> bool:
    """Tell whether ``text`` is a whole git object id, in hex: it can then be handed to git as an argument."""
    return _OBJECT_ID.match(text) is not None


def derived_ids(*parts: object) -> tuple[str, str]:
    """Return the run id and session id that every rank of one launch agrees on.

    Args:
        parts: What identifies the launch: launcher, job id, step, restart count, ...

    Returns:
        A run id (32 hex digits) and a session id (8 hex digits), both SHA-256 prefixes.
    """
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:32], digest[32:40]


def sha12(data: bytes) -> str:
    """Return the first 12 hex digits of the SHA-256 of ``data``, as used in file names."""
    return hashlib.sha256(data).hexdigest()[:12]


def slug(name: str) -> str:
    """Return ``name`` as one safe path component, injectively.

    Bytes outside ``[a-z0-9._-]`` are percent-encoded, and so is a leading dot.

    Example:
        >>> slug("Churn 2026")
        '%43hurn%202026'
    """
    raw = name.encode("utf-8", "surrogatepass")
    out = "".join(chr(byte) if byte in _SAFE else f"%{byte:02x}" for byte in raw)
    return "%2e" + out[1:] if out.startswith(".") else out


def unslug(text: str) -> str:
    """Return the name that :func:`slug` encoded."""
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text).decode("utf-8", "surrogatepass")


def run_name(run_id: str) -> str:
    """Return a readable default name for a run, a function of its id.

    Example:
        >>> run_name("3f2a9c1d7b6e4a508c2f9e0d1a7b3c55")
        'kind-prairie-28'
    """
    number = int(run_id[:12], 16)
    number, noun = divmod(number, len(_NOUNS))
    number, adjective = divmod(number, len(_ADJECTIVES))
    return f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}-{number % 100:02d}"
