"""Writing a file that a user named: it is then either whole or as it was."""

from __future__ import annotations

import os

from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = ["write_file"]


def write_file(path: str, data: bytes) -> None:
    """Put ``data`` into a file.

    Raises:
        UsageError: It cannot be written.
    """
    draft = f"{path}.{os.getpid()}.new"
    try:
        with open(draft, "xb") as file:
            file.write(data)
        os.replace(draft, path)
    except OSError as error:
        if os.path.lexists(draft):
            os.unlink(draft)
        raise UsageError(f"cannot write {clean(path)}: {error.strerror}") from None
