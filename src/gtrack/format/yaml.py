"""The YAML of the branch: a subset that JSON, YAML 1.1 and YAML 1.2 all read alike.

Top-level keys are bare (``[a-z_]+``); a map below one is a block of ``  "key": value`` lines; anything deeper is
one-line JSON. Strings are double-quoted and raw, but for control characters, DEL, C1, U+2028, U+2029, the byte-order
mark, U+FFFE and U+FFFF, which are escaped. Floats carry a point and a signed exponent (``1.0e-05``). NaN and the
infinities are ``.nan``, ``.inf``, ``-.inf`` on the two block levels and ``{"$float": "nan"}`` in JSON; therefore a
user's key ``$float`` is written ``$$float``, ``$$float`` is written ``$$$float``, and so on, at every level below the
first.

Limits: 1 MiB, 64 levels, keys of 512 bytes and 1,000 characters as written, integers of 640 digits.
"""

from __future__ import annotations

from collections.abc import Mapping

from gtrack.errors import ParseError, UsageError
from gtrack.format.emit import emit
from gtrack.format.events import read_events
from gtrack.format.lines import read_lines
from gtrack.format.scalars import MAX_BYTES
from gtrack.text import clean

__all__ = ["MAX_BYTES", "dump", "load"]


def dump(document: Mapping[str, object], *, replaced: list[str] | None = None) -> bytes:
    r"""Return ``document`` as the bytes of a YAML file.

    Args:
        document: Plain values: None, bool, int, float, str, list, tuple and maps with text keys;
            :func:`gtrack.format.plain.to_plain` makes them so. The order of the keys is kept.
        replaced: Takes the dotted path of each text in which a lone surrogate became U+FFFD.

    Raises:
        UsageError: A value is not plain, or the document is beyond a limit of the format.

    Example:
        >>> dump({"format": 1, "params": {"lr": 1e-05}})
        b'format: 1\nparams:\n  "lr": 1.0e-05\n'
    """
    data = emit(document, replaced).encode()
    if len(data) > MAX_BYTES:
        raise UsageError(f"the document is {len(data):,} bytes long; a file may have {MAX_BYTES:,}")
    return data


def load(data: bytes, *, name: str = "the document") -> dict[str, object]:
    """Return the document in ``data``, which :func:`dump` wrote or a person edited.

    Args:
        data: The bytes of a YAML file; hostile ones are refused.
        name: What the document is called in an error, such as its path.

    Returns:
        Plain values: dict, list, str, int, float, bool and None.

    Raises:
        ParseError: The document is damaged, or outside what gtrack reads; the text names the line.

    Example:
        >>> load(b"params: {lr: 1e-4, shuffle: no}")
        {'params': {'lr': 0.0001, 'shuffle': 'no'}}
    """
    if len(data) > MAX_BYTES:
        raise ParseError(f"{clean(name)} is {len(data):,} bytes long; at most {MAX_BYTES:,} are read")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ParseError(f"{clean(name)}, line {line}: not UTF-8") from None
    result = read_lines(text)
    return read_events(text, name) if result is None else result
