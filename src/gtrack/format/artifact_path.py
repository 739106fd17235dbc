"""Paths of artifacts: which are safe to write to any disk, and a safe one of whatever a user names.

A path of a manifest becomes a file in somebody's folder, on Linux, macOS or Windows. So nothing that leads out of that
folder is one, nor what some file system takes for another name, or for ``.git``. See ``is_hfs_dotgit`` and
``is_ntfs_dotgit`` of git (https://github.com/git/git/blob/v2.39.5/path.c) and Microsoft's "Naming Files, Paths, and
Namespaces" (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
"""

from __future__ import annotations

import os
import re

from gtrack.ids import sha12

__all__ = ["MAX_BYTES", "MAX_PARTS", "canonical", "fault"]

MAX_BYTES = 400
"""The longest path, in bytes of UTF-8."""
MAX_PARTS = 16
"""How many folders deep a path may lead, the file included."""

_PART_BYTES = 255
_SUFFIX_BYTES = 16
# Control characters of either block, what ends a line, and what turns or hides text: a terminal shows another name.
_CONTROL = (
    "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[{_CONTROL}]")
_REPLACED = re.compile(rf"[{_CONTROL}\\:\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\Z")
# What HFS+ ignores in names, so that they become others.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:[ .]|\Z)")


def fault(path: str) -> str | None:
    """Tell why a path is no artifact's; None when it is one.

    Args:
        path: What a manifest, a ledger or a selector says: anything.

    Example:
        >>> fault("../../.ssh/authorized_keys")
        'a part of it is ..'
    """
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if not path:
        return "it is empty"
    if size > MAX_BYTES:
        return f"it is longer than {MAX_BYTES} bytes"
    if path[0] == "/":
        return "it is absolute"
    parts = path.split("/")
    if len(parts) > MAX_PARTS:
        return f"it has more than {MAX_PARTS} parts"
    return next(filter(None, map(_part_fault, parts)), None)


def _part_fault(part: str) -> str | None:
    # Most parts are plain words: they can only be reserved ones.
    if _PLAIN.match(part) and len(part) <= _PART_BYTES:
        return _is_special(part)
    faults = (
        (part in ("", ".", ".."), f"a part of it is {part or 'empty'}"),
        (_UNSAFE.search(part), "it has control characters"),
        ("\\" in part, "it has a backslash"),
        (":" in part, "it has a colon, which names a drive or a stream"),
        (part[-1:] in (" ", "."), "a part of it ends in a dot or a space"),
        (len(part.encode()) > _PART_BYTES, f"a part of it is longer than {_PART_BYTES} bytes"),
    )
    return next((reason for wrong, reason in faults if wrong), None) or _is_special(part)


def _is_special(part: str) -> str | None:
    """Tell whether some file system takes a part for ``.git``, or for a device."""
    name = part if part.isascii() else _IGNORED.sub("", part)
    name = name.lower().rstrip(" .")
    if name in (".git", "git~1", "", "."):
        return "a part of it is .git, or becomes it on some disks" if name not in ("", ".") else "a part of it is empty"
    if _RESERVED.match(name):
        return "a part of it is the name of a device on Windows"
    return None


def canonical(text: object) -> str:
    """Return a path that is safe everywhere, made of anything; the same for what is safe already. Never raises.

    ``.`` and ``..`` are resolved and end at the root, characters that some system has no name for become ``_``, and
    what is too long is cut, with a digest of the whole.

    Args:
        text: Text or a path.

    Example:
        >>> canonical("/../plots/a:b.png")
        'plots/a_b.png'
    """
    name = _as_text(text)
    if fault(name) is None:
        return name
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(_safe_part(part))
    if len(parts) > MAX_PARTS:
        parts[MAX_PARTS - 1 :] = [_safe_part("_".join(parts[MAX_PARTS - 1 :]))]
    return _bounded(parts, name) if parts else "unnamed"


def _as_text(text: object) -> str:
    try:
        return os.fsdecode(text) if isinstance(text, bytes | os.PathLike) else str.__str__(str(text))
    except Exception:  # a user's object may raise anything from anywhere
        return type(text).__name__


def _safe_part(part: str) -> str:
    name = _REPLACED.sub("_", part)
    if name[-1] in " .":
        name = name.rstrip(" .") + "_"
    if _is_special(name):
        name = f"_{name}"
    return _cut(name, _PART_BYTES)


def _cut(name: str, room: int) -> str:
    """Return a name of at most ``room`` bytes, which keeps its ending and gets a digest when it is cut."""
    raw = name.encode()
    if len(raw) <= room:
        return name
    stem, dot, suffix = name.rpartition(".")
    ending = f"{dot}{suffix}" if stem and len(suffix.encode()) < _SUFFIX_BYTES else ""
    mark = f"~{sha12(raw)}{ending}"
    return raw[: room - len(mark.encode())].decode(errors="ignore") + mark


def _bounded(parts: list[str], name: str) -> str:
    """Join parts; when they are too long together, a digest takes the place of the first of them."""
    path = "/".join(parts)
    if len(path.encode()) <= MAX_BYTES:
        return path
    kept = [_cut(parts[-1], _PART_BYTES)]
    room = MAX_BYTES - 13 - len(kept[0].encode())
    for part in reversed(parts[:-1]):
        room -= len(part.encode()) + 1
        if room < 0:
            break
        kept.insert(0, part)
    return "/".join([sha12(name.encode("utf-8", "surrogatepass")), *kept][-MAX_PARTS:])
