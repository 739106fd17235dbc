"""What the browser fetches for the panels: plotly.js out of its wheel, and our modules, each at an address of its own.

An address carries the content's version, so that a browser may keep what it has for good; and a page's updates need
not carry the code with them.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from gtrack.errors import MissingExtraError

__all__ = ["ENTRY", "PREFIX", "Asset", "assets", "panels_url", "plotly_url"]

PREFIX = "/gtrack"
ENTRY = "panels.js"
_FOLDER = Path(__file__).parent / "panels" / "browser"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_VERSION = re.compile(rb"plotly\.js v([0-9A-Za-z.+-]{1,40})")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the browser may have.

    Attributes:
        path: Where it is on this machine.
        media_type: What it is.
    """

    path: Path
    media_type: str


@functools.cache
def assets() -> dict[str, Asset]:
    """Return all that the browser may have, by its address: nothing else can be reached."""
    folder = panels_url().rpartition("/")[0]
    addresses = {plotly_url(): _plotly(), **{f"{folder}/{path.name}": path for path in _own()}}
    return {address: Asset(path, _TYPES[path.suffix]) for address, path in addresses.items()}


@functools.cache
def plotly_url() -> str:
    """Return the address of plotly.js, which carries its version."""
    with _plotly().open("rb") as file:
        version = _VERSION.search(file.read(400))
    return f"{PREFIX}/plotly-{version[1].decode() if version else 'unknown'}.min.js"


@functools.cache
def panels_url() -> str:
    """Return the address of the module to start with, which carries a digest of all of them."""
    digest = hashlib.sha256()
    for path in _own():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{PREFIX}/panels-{digest.hexdigest()[:12]}/{ENTRY}"


def _own() -> list[Path]:
    return sorted(path for path in _FOLDER.iterdir() if path.suffix in _TYPES)


@functools.cache
def _plotly() -> Path:
    """Return where plotly.js is; plotly itself, which takes half a second to import, is left alone."""
    spec = importlib.util.find_spec("plotly")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place, "package_data", "plotly.min.js")
        if path.is_file():
            return path
    raise MissingExtraError("plotly", "ui")
