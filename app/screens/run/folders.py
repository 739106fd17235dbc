"""Paths as folders that can be walked through: what is directly in one, with how much is below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

from gtrack._app.charts.sections import natural
from gtrack._app.grids import grid
from gtrack._app.link import Link
from gtrack._app.parts import remark
from gtrack._app.safe import cell, markdown
from gtrack.display.words import plural, size

__all__ = ["Member", "browse", "members_of"]

_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Member:
    """A file or a folder that is directly in a folder.

    Attributes:
        path: Its whole path.
        name: Its last part.
        size: Of a file its bytes, of a folder those of all files below; None where that is not known.
        files: How many files are below a folder; 0 for a file.
    """

    path: str
    name: str
    size: int | None
    files: int = 0


def members_of(files: Iterable[tuple[str, int | None]], folder: str) -> list[Member]:
    """Return what is directly in a folder: folders first, numbers in names by value.

    Args:
        files: Paths with their sizes.
        folder: The folder; empty for the top.

    Example:
        >>> [member.name for member in members_of([("a/b.txt", 1), ("c.txt", 2)], "")]
        ['a', 'c.txt']
    """
    start = f"{folder}/" if folder else ""
    folders: dict[str, list[int]] = {}
    found: list[Member] = []
    for path, count in files:
        if not path.startswith(start):
            continue
        name, slash, _ = path[len(start) :].partition("/")
        if slash:
            folders.setdefault(name, []).append(count or 0)
        else:
            found.append(Member(path, name, count))
    below = [Member(start + name, name, sum(sizes), len(sizes)) for name, sizes in folders.items()]
    return sorted(below, key=_order) + sorted(found, key=_order)


def browse(
    link: Link,
    files: Sequence[tuple[str, int | None]],
    *,
    folder: str,
    file: str,
    more: Mapping[str, Callable[[str], str]] | None = None,
    noun: str = "file",
) -> None:
    """Show a folder: a click on a row opens what it is.

    Args:
        link: The page's settings.
        files: Paths with their sizes.
        folder: The setting that holds the folder that is shown.
        file: The setting that holds the file that was chosen.
        more: Further columns: what a file's path has there.
        noun: What a file is called.
    """
    here = link[folder]
    members = members_of(files, here)
    if here and not members:
        here, members = "", members_of(files, "")
    _crumbs(link, here, folder)
    shown = members[:_MOST]
    table = {
        "name": pa.array([_name(member) for member in shown], pa.string()),
        "size": pa.array([size(member.size) for member in shown], pa.string()),
    }
    for name, of in (more or {}).items():
        table[name] = pa.array(["" if member.files else of(member.path) for member in shown], pa.string())

    def opened(row: int) -> None:
        member = shown[row]
        link.put(**({folder: member.path} if member.files else {file: member.path}))

    config = {
        "name": st.column_config.TextColumn(width=320),
        "size": st.column_config.TextColumn(width="small", alignment="right"),
    }
    grid(
        pa.table(table),
        plain=bool(link["plain"]),
        alt=plural(len(shown), noun),
        config=config,
        rows=10,
        key=f"run.{folder}.{here}",
        on_row=opened,
    )
    if link["plain"]:
        _chooser(link, shown, folder, file)
    if len(members) > _MOST:
        remark(f"{len(members) - _MOST:,} more are not listed.")


def _chooser(link: Link, members: Sequence[Member], folder: str, file: str) -> None:
    """Let an HTML table's rows be opened: by a list of their names."""
    names = {member.path: member for member in members}
    key = f"run.{folder}.choose"

    def chosen() -> None:
        member = names.get(st.session_state[key])
        if member is not None:
            link.put(**({folder: member.path} if member.files else {file: member.path}))

    st.session_state[key] = link[file] if link[file] in names else None
    st.selectbox("Open", list(names), format_func=lambda path: cell(path, 120), key=key, on_change=chosen)


def _crumbs(link: Link, here: str, folder: str) -> None:
    """Show the way from the top to the folder."""
    if not here:
        return
    parts = here.split("/")
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.button("All files", type="tertiary", on_click=_to, args=(link, folder, ""), key=f"run.{folder}.top")
        for number, part in enumerate(parts):
            st.text("/", width="content")
            target = "/".join(parts[: number + 1])
            label = markdown(cell(part, 60))
            args = (link, folder, target)
            st.button(label, type="tertiary", on_click=_to, args=args, key=f"run.{folder}.{number}")


def _to(link: Link, folder: str, target: str) -> None:
    link.put(**{folder: target})


def _name(member: Member) -> str:
    name = cell(member.name, 160)
    return f"{name}/  ({member.files:,})" if member.files else name


def _order(member: Member) -> tuple[tuple[tuple[int, int, str], ...], str]:
    return natural(member.name), member.name
