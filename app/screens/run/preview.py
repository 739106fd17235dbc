"""An artifact as it can be shown: pictures, tables, sounds, figures, text; never by running what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import figure_table, grid
from gtrack._app.panels import panels
from gtrack._app.parts import problem, remark
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.kinds import LARGEST, audio_type, image_uri, kind_of, language_of, never_opened
from gtrack._app.screens.run.plotly_figure import safe_figure
from gtrack._app.screens.run.sandbox import document_of_html, document_of_svg, sandboxed
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import plural, size
from gtrack.errors import DamageError, GtrackError
from gtrack.model.artifact import Artifact
from gtrack.text import clean

__all__ = ["content", "preview", "show_bytes", "show_text"]

_TEXT = 256 << 10
_COLOURED = 64 << 10
_DOCUMENT = 4 << 20
_ROWS = 5_000


def preview(subject: Subject, artifact: Artifact, *, key: str) -> None:
    """Show an artifact whose content is here, or say why it is not shown."""
    if never_opened(artifact.path):
        remark("It is kept as it was written and never opened here: reading a pickle runs what is in it.")
        return
    kind = kind_of(artifact)
    if kind == "none":
        remark(f"There is no view of {artifact.type}.")
        return
    if artifact.size > LARGEST:
        remark(f"{size(artifact.size)} are more than is shown: download it.")
        return
    try:
        data = content(subject, artifact)
        _SHOWN[kind](data, artifact, key, bool(subject.link["plain"]))
    except (GtrackError, OSError) as error:
        problem(error if isinstance(error, GtrackError) else str(error))


def content(subject: Subject, artifact: Artifact) -> bytes:
    """Return an artifact's content, whose SHA-256 was checked.

    Raises:
        GtrackError: It is nowhere to be had, or damaged.
    """
    from gtrack.ops.artifacts import read_artifact

    return read_artifact(subject.now.repo.repository, artifact)


def show_text(text: str, path: str, *, numbers: bool = False, language: str | None = None) -> None:
    """Show text as it is, the beginning of a long one, coloured where it is code that is not too long."""
    shown = clean(text[:_TEXT], lines=True)
    language = language or language_of(path)
    if len(text) > _TEXT:
        remark(f"The first {_TEXT >> 10:,} KiB of {len(text):,} characters.")
    lines = shown.count("\n") + 1
    st.code(
        shown or " ",
        language=language if len(shown) <= _COLOURED else None,
        line_numbers=numbers,
        height=min(620, 70 + 20 * lines),
    )


def show_bytes(data: bytes, path: str, *, numbers: bool = False) -> None:
    """Show the content of a file as text, where it is text."""
    try:
        text = data[: _TEXT + 4].decode("utf-8") if len(data) <= _TEXT else data[:_TEXT].decode("utf-8", "ignore")
        if "\0" in text:
            raise ValueError(path)
    except ValueError:
        remark(f"This is not text: {size(len(data))} of other bytes.")
        return
    if len(data) > _TEXT:
        remark(f"The first {_TEXT >> 10:,} KiB of {size(len(data))}.")
    show_text(text, path, numbers=numbers)


def _image(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:  # noqa: ARG001  # as all of them are called
    address = image_uri(data)
    if address is None:
        raise DamageError("this is no PNG, JPEG, GIF or WebP that can be shown")
    caption = artifact.media.get("caption")
    said = markdown(caption, 1000) if isinstance(caption, str) and caption else None
    st.image(address, caption=said, alt=cell(artifact.key or artifact.path, 120), width=_width(artifact))


def _width(artifact: Artifact) -> int | Literal["stretch"]:
    """Return how wide an image is shown: a small one larger than it is, as its pixels are what is looked at."""
    width = artifact.media.get("width")
    return max(width, 240) if isinstance(width, int) and not isinstance(width, bool) and 0 < width < 1200 else "stretch"


def _table(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:  # noqa: ARG001
    from gtrack.media.tables import read

    _rows(read(data), plain)


def _csv(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:  # noqa: ARG001
    from pyarrow import csv

    tabs = artifact.type == "text/tab-separated-values"
    try:
        table = csv.read_csv(pa.BufferReader(data), parse_options=csv.ParseOptions(delimiter="\t" if tabs else ","))
    except (pa.ArrowException, ValueError):
        show_bytes(data, artifact.path)
        return
    _rows(table, plain)


def _rows(table: pa.Table, plain: bool) -> None:
    if table.num_rows > _ROWS:
        remark(f"The first {_ROWS:,} of {plural(table.num_rows, 'row')}.")
    names = [cell(name, 100) or "(no name)" for name in table.column_names]
    named = table.slice(0, _ROWS).rename_columns(_distinct(names))
    grid(named, plain=plain, alt=f"{plural(table.num_rows, 'row')}, {plural(table.num_columns, 'column')}")


def _distinct(names: list[str]) -> list[str]:
    """Return names that differ, which cut ones need not."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def _histogram(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:
    from gtrack._app.charts.chart_run import ChartRun
    from gtrack._app.charts.distributions import distribution_figure
    from gtrack.media.histograms import read_histogram

    named = artifact.key or artifact.path
    figure = distribution_figure(
        [(artifact.step or 0, read_histogram(data))], named, ChartRun("", ""), kind="ridgeline"
    )
    figure_table(figure) if plain else panels([figure], key=key, columns=2)


def _plotly(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:
    from gtrack.media.figures import read_plotly

    figure = safe_figure(read_plotly(data), key=artifact.digest[:12], title=artifact.key or artifact.path)
    if plain:
        show_text(json.dumps(read_plotly(data))[:_TEXT], "figure.json")
        return
    try:
        panels([figure], key=key, columns=1)
    except (TypeError, ValueError) as error:
        raise DamageError(f"the figure cannot be drawn: {error}") from error


def _audio(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:  # noqa: ARG001
    kind = audio_type(data)
    if kind is None:
        raise DamageError("this is no WAV, MP3, Ogg, FLAC or M4A")
    caption = artifact.media.get("caption")
    st.audio(data, format=kind, alt=cell(artifact.key or artifact.path, 120))
    if isinstance(caption, str):
        st.caption(markdown(caption, 1000))


def _html(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:
    text = data.decode("utf-8", "replace")
    if plain or len(data) > _DOCUMENT:
        show_text(text, artifact.path)
        return
    remark("Shown in a frame in which nothing runs and nothing is loaded: scripts are left out.")
    sandboxed(document_of_html(text), key=key, title=cell(artifact.path, 120))
    with st.expander("Source", icon=":material/code:"):
        show_text(text, artifact.path)


def _svg(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:
    if plain or len(data) > _DOCUMENT:
        show_bytes(data, artifact.path)
        return
    sandboxed(document_of_svg(data), key=key, title=cell(artifact.key or artifact.path, 120), height=440)


def _text(data: bytes, artifact: Artifact, key: str, plain: bool) -> None:  # noqa: ARG001
    show_bytes(data, artifact.path)


_SHOWN: Mapping[str, Callable[[bytes, Artifact, str, bool], None]] = {
    "image": _image,
    "svg": _svg,
    "html": _html,
    "table": _table,
    "csv": _csv,
    "histogram": _histogram,
    "plotly": _plotly,
    "audio": _audio,
    "text": _text,
}
