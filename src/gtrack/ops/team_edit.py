"""Writing one setting into ``gtrack.yaml`` of the working tree; all else in it stays as it was written."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping

from gtrack.branch.repository import Repository
from gtrack.branch.team import FILE, LIMIT
from gtrack.errors import ParseError, UsageError
from gtrack.format import yaml

__all__ = ["set_team_value"]

_TOP = """\
# Settings of gtrack for the whole team. They count once they are on the default branch of the remote.
"""


def set_team_value(repo: Repository, key: str, value: str | Mapping[str, object]) -> str | None:
    """Write a setting into the team's file: commit it as any other file.

    Comments and other settings stay as they are, byte for byte; a file that cannot be edited so is left alone.

    Args:
        repo: The repository.
        key: A key at the top of the file.
        value: Text, or a map.

    Returns:
        The file's path; None where it says so already.

    Raises:
        UsageError: There is no working tree, or the file is not one that can be edited; the message has what to write.
        OSError: It cannot be written.
    """
    if repo.paths.work_tree is None:
        raise UsageError(
            "a bare repository has no gtrack.yaml to write to", hint=f"write it elsewhere: {_line(key, value)}"
        )
    path = os.path.join(repo.paths.work_tree, FILE)
    before = _read(path, key, value)
    after = _edited(before, key, value)
    if not _is_right(before, after, key, value):
        raise UsageError(
            f"{path} is written in a way that cannot be edited", hint=f"write into it: {_line(key, value)}"
        )
    if after == before:
        return None
    _write(path, after)
    return path


def _read(path: str, key: str, value: str | Mapping[str, object]) -> str:
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
        raise UsageError(f"{path} is not a plain file", hint=f"write where it belongs: {_line(key, value)}")
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        return ""
    try:
        if len(data) > LIMIT:
            raise UsageError(f"{path} is over {LIMIT:,} bytes long: it would not be read")
        text = data.decode("utf-8")
        _load(text)
    except (UnicodeDecodeError, ParseError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="correct it first") from None
    return text


def _edited(text: str, key: str, value: str | Mapping[str, object]) -> str:
    """Return the text with a line of the key: in place of what there is of it, else at the end."""
    line = _line(key, value)
    if not text.strip():
        return f"{text or _TOP}{line}\n"
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    start = next((n for n, each in enumerate(lines) if re.match(rf"(['\"]?){re.escape(key)}\1\s*:", each)), None)
    if start is None:
        return f"{text}{'' if text.endswith(end) else end}{line}{end}"
    stop = start + 1
    while stop < len(lines) and (not lines[stop].strip() or lines[stop][0] in " \t-"):
        stop += 1
    while stop > start + 1 and not lines[stop - 1].strip():
        stop -= 1
    comment = re.search(r"\s+#[^'\"]*$", lines[start].rstrip("\r\n"))
    return "".join([*lines[:start], line, comment[0] if comment else "", end, *lines[stop:]])


def _is_right(before: str, after: str, key: str, value: str | Mapping[str, object]) -> bool:
    """Tell whether nothing but the key has changed in what the text means."""
    try:
        return _load(after) == {**_load(before), key: value}
    except ParseError:
        return False


def _load(text: str) -> dict[str, object]:
    if all(line.strip()[:1] in ("", "#") for line in text.splitlines()):
        return {}
    return yaml.load(text.encode(), name=FILE)


def _line(key: str, value: str | Mapping[str, object]) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[a-z0-9]+://[\w./@:~-]*\w|/[\w./~-]*\w", value)
    return f"{key}: {value if plain else json.dumps(value, ensure_ascii=False)}"


def _write(path: str, text: str) -> None:
    draft = f"{path}.{os.getpid()}.new"
    try:
        with open(draft, "x", encoding="utf-8", newline="") as file:
            file.write(text)
        if os.path.exists(path):
            shutil.copymode(path, draft)
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
