"""Pictures of the repository, put into a page: of a few types, told by what they begin with, and of bounded size."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from gtrack.errors import GtrackError
from gtrack.report.problems import BlockError
from gtrack.report.sources import read_file
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Pictures", "picture_type"]

_LARGEST = 2_000_000
_MOST = 20_000_000
"""Bytes of one picture, and of all of a page."""

# A script in it does not run, and nothing is loaded, where it is the source of an <img>:
# https://www.w3.org/TR/SVG2/conform.html#secure-static-mode
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*>\s*)*<svg[\s>]", re.DOTALL)
_HEADS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (_SVG, "image/svg+xml"),
)


def picture_type(data: bytes) -> str | None:
    """Return the media type of a picture by its first bytes; None where it is of no type that is shown."""
    return next((kind for head, kind in _HEADS if head.match(data[:4096])), None)


class Pictures:
    """The pictures of one page.

    Args:
        repo: The repository.
    """

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._known: dict[str, str] = {}
        self._size = 0

    def source(self, path: str) -> str:
        """Return a picture as a data URI.

        Args:
            path: Its path from the top of the repository.

        Raises:
            BlockError: There is none that could be shown; the message says why.
        """
        if path not in self._known:
            try:
                data = read_file(self._repo, path, _LARGEST)
            except GtrackError as error:
                raise BlockError(f"the picture cannot be shown: {error.message}") from None
            kind = picture_type(data)
            if kind is None:
                raise BlockError(f"the picture {clean(path):.200} is no PNG, JPEG, GIF, WebP or SVG")
            self._size += len(data)
            if self._size > _MOST:
                raise BlockError(f"the pictures of a page have {_MOST:,} bytes at most")
            self._known[path] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        return self._known[path]
