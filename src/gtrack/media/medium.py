"""One medium: its bytes, what is known of it, and where among a run's artifacts it goes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index

from gtrack.errors import GtrackError, UsageError
from gtrack.format.artifact_path import canonical
from gtrack.format.plain import fit_key

__all__ = ["MAX_FILE_BYTES", "Medium", "media_key", "media_path", "read_file", "reason_of", "step_number", "suffix_of"]

MAX_FILE_BYTES = 256 << 20
"""The largest file that is taken as an image or a sound; larger ones are artifacts."""

_MAX_STEP = 1 << 63
_LONGEST_SUFFIX = 6


@dataclass(frozen=True, slots=True)
class Medium:
    """Something to be looked at or listened to.

    Attributes:
        kind: ``image``, ``figure``, ``table``, ``histogram`` or ``audio``.
        data: Its bytes.
        suffix: The ending of its file's name, with the dot.
        type: Its media type.
        details: What is known of it: width and height, rows, sample rate.
        remarks: What the user should know of how it was made; the same text for the same reason.
    """

    kind: str
    data: bytes
    suffix: str
    type: str
    details: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def media_path(medium: Medium, key: str, step: int | None) -> str:
    """Return the path of a medium: ``media/<kind>/<key>/<step>-<digest>.<ext>``, the step where there is one.

    The same content logged under one key at one step is one file; two ranks that differ write two.

    Args:
        medium: The medium.
        key: What it is called; slashes make folders.
        step: Its step, or None.

    Example:
        >>> media_path(Medium("image", b"...", ".png", "image/png"), "val/samples", 10)
        'media/image/val/samples/10-ab5df625.png'
    """
    folder = f"media/{medium.kind}/{key}"
    digest = hashlib.sha256(medium.data)
    if canonical(f"{folder}/0") != f"{folder}/0":
        # Two keys may come to one folder; they shall not come to one file.
        digest.update(key.encode("utf-8", "surrogatepass"))
    name = digest.hexdigest()[:8] + medium.suffix
    return canonical(f"{folder}/{name if step is None else f'{step}-{name}'}")


def media_key(key: object) -> str:
    """Return the name of a medium.

    Raises:
        UsageError: It is not text, or empty.
    """
    if not isinstance(key, str) or not key.strip():
        raise UsageError(f"a medium's key is text, not {key!r:.60}")
    return fit_key(key)


def step_number(step: object) -> int | None:
    """Return a step as an integer of 64 bits, or None as it is.

    Raises:
        UsageError: It is neither.
    """
    if step is None:
        return None
    number = _integer(step)
    if number is None or number != step:
        raise UsageError(f"step {step!r:.60} is not a whole number")
    if not -_MAX_STEP <= number < _MAX_STEP:
        raise UsageError(f"step {step!r:.60} does not fit 64 bits")
    return number


def _integer(step: object) -> int | None:
    try:
        return index(step)  # type: ignore[arg-type]
    except TypeError:
        pass
    try:
        return int(step)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return None


def suffix_of(name: object) -> str:
    """Return the ending of a file's name in lower case, with its dot; empty where there is none.

    Example:
        >>> suffix_of("plots/ROC.PNG"), suffix_of("val.loss/epoch 3")
        ('.png', '')
    """
    base = name.rpartition("/")[2] if isinstance(name, str) else ""
    stem, dot, ending = base.rpartition(".")
    return f".{ending.lower()}" if stem and dot and ending.isalnum() and len(ending) < _LONGEST_SUFFIX else ""


def read_file(path: str, what: str) -> bytes:
    """Return the content of a file that a user names.

    Args:
        path: The file.
        what: What it should be, for the message.

    Raises:
        UsageError: It is larger than what is taken as a medium.
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(
            f"{path:.200} is over {MAX_FILE_BYTES >> 20} MiB, too much for {what}", hint="use log_artifact"
        )
    return data


def reason_of(error: Exception) -> str:
    """Return in a line why something could not be taken, whatever was raised by whatever library."""
    if isinstance(error, GtrackError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    try:
        return f"{type(error).__name__}: {error!s:.200}"
    except Exception:  # so may the text of a foreign exception
        return type(error).__name__
