"""Figures of matplotlib and plotly as files."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.format.scalars import depth
from gtrack.media.image_files import inspect_image
from gtrack.media.medium import Medium

__all__ = ["FIGURE_SUFFIXES", "PLOTLY_TYPE", "figure_medium", "read_plotly"]

PLOTLY_TYPE = "application/vnd.plotly+json"
"""The media type of a plotly figure as JSON, as Jupyter has it."""

FIGURE_SUFFIXES = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".json": PLOTLY_TYPE,
    ".html": "text/html",
}
"""The endings of figures' files, and the media type of each."""

_MAX_PLOTLY_BYTES = 32 << 20
_MAX_DEPTH = 64
# Without these a figure has other bytes each time: the date, and ids made of random numbers.
_STABLE = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {"Software": None}}


def figure_medium(figure: object, suffix: str = "", options: Mapping[str, object] | None = None) -> Medium:
    """Return a figure as a medium; the figure stays as it is, open or closed.

    Args:
        figure: A figure of matplotlib, or what has one, such as axes; or a figure of plotly.
        suffix: The format wanted: ``.png``, ``.svg``, ``.pdf`` or ``.jpg``, of plotly ``.json`` or ``.html`` as well.
            By default PNG, and of plotly JSON.
        options: What else matplotlib's ``savefig`` takes, such as ``dpi`` and ``bbox_inches``.

    Raises:
        UsageError: It is no figure, or there is no such format of it; plotly needs kaleido to draw pictures.
    """
    if callable(getattr(figure, "to_plotly_json", None)):
        return _of_plotly(figure, suffix or ".json")
    for owner in (figure, getattr(figure, "figure", None), getattr(figure, "fig", None)):
        if callable(getattr(owner, "savefig", None)):
            return _of_matplotlib(owner, suffix or ".png", options or {})
    hint = "use log_image" if hasattr(figure, "__array__") else "pass a figure of matplotlib or plotly"
    raise UsageError(f"a value of type {type(figure).__name__} is no figure", hint=hint)


def _of_matplotlib(figure: Any, suffix: str, options: Mapping[str, object]) -> Medium:
    if suffix not in FIGURE_SUFFIXES or suffix in (".json", ".html"):
        raise UsageError(f"matplotlib writes no {suffix} here", hint="use .png, .svg, .pdf or .jpg")
    buffer = io.BytesIO()
    with _stable_ids():
        figure.savefig(buffer, **{"metadata": _STABLE.get(suffix), **options, "format": suffix[1:]})
    return _medium(buffer.getvalue(), suffix, "matplotlib")


def _stable_ids() -> AbstractContextManager[object]:
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:  # something else that can be saved as a figure is
        return nullcontext()
    context: AbstractContextManager[object] = matplotlib.rc_context({"svg.hashsalt": "gtrack"})
    return context


def _of_plotly(figure: Any, suffix: str) -> Medium:
    if suffix == ".json":
        data = figure.to_json().encode()
    elif suffix == ".html":
        # The library itself would be 5 MB a figure.
        data = figure.to_html(include_plotlyjs="cdn").encode()
    else:
        data = _drawn_by_kaleido(figure, suffix)
    return _medium(data, suffix, "plotly")


def _drawn_by_kaleido(figure: Any, suffix: str) -> bytes:
    if suffix not in FIGURE_SUFFIXES:
        raise UsageError(f"plotly writes no {suffix} here", hint="use .json, .html, .png, .svg or .pdf")
    if find_spec("kaleido") is None:
        raise UsageError("plotly needs kaleido to draw pictures", hint="pip install kaleido, or log it as .json")
    data: bytes = figure.to_image(format=suffix[1:])
    return data


def _medium(data: bytes, suffix: str, library: str) -> Medium:
    details: dict[str, object] = {"format": suffix[1:], "library": library}
    size = inspect_image(data)
    if size is not None:
        details |= {"width": size.width, "height": size.height}
    return Medium("figure", data, suffix, FIGURE_SUFFIXES[suffix], details)


def read_plotly(data: bytes) -> dict[str, object]:
    """Return a plotly figure as the map that it was logged as: data, nothing that runs.

    Args:
        data: What was recorded; hostile bytes are refused.

    Raises:
        DamageError: It is no figure, or beyond a limit.
    """
    if len(data) > _MAX_PLOTLY_BYTES:
        raise DamageError(f"the figure is {len(data):,} bytes long; at most {_MAX_PLOTLY_BYTES:,} are read")
    try:
        text = data.decode()
        figure = json.loads(text) if depth(text) <= _MAX_DEPTH else None
    except ValueError:
        raise DamageError("the figure is no JSON") from None
    if not isinstance(figure, dict) or not isinstance(figure.get("data"), list):
        raise DamageError("the figure is not plotly's")
    parts = {name: figure[name] for name in ("data", "layout", "frames") if name in figure}
    if not isinstance(parts.get("layout", {}), dict) or not isinstance(parts.get("frames", []), list):
        raise DamageError("the figure is not plotly's")
    return parts
