"""What can be done with the runs that are selected, and with all that match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import streamlit as st

from gtrack._app.asking import Asked
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.safe import markdown
from gtrack._app.screens.runs.rows import Rows
from gtrack._app.steps import go_to
from gtrack.display.cells import csv_cell
from gtrack.errors import GtrackError
from gtrack.index.query import Query
from gtrack.reader import RecordedRun, Repo
from gtrack.runs import Runs

__all__ = ["act", "bulk_bar"]

_SAID = "runs.said"


def bulk_bar(now: Reading, link: Link, asked: Asked, rows: Rows) -> None:
    """Show the actions on the runs that are selected."""
    chosen: Sequence[str] = link["runs"]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(chosen)} selected**" if chosen else f"**{rows.total:,} runs**")
        st.button(
            "Compare", icon=":material/compare_arrows:", disabled=len(chosen) < 2, on_click=_go, args=("compare",)
        )
        st.button("Charts", icon=":material/show_chart:", on_click=_go, args=("charts",))
        if not now.read_only:
            _tag(now, chosen)
            _archive(now, link, chosen)
        _downloads(now, link, asked)
        if chosen:
            st.button("Select none", on_click=lambda: link.put(runs=()), type="tertiary")
        if link["hidden"]:
            st.button("Show all curves", on_click=lambda: link.put(hidden=()), type="tertiary")
    if said := st.session_state.pop(_SAID, ""):
        st.toast(markdown(said))


def _go(page: str) -> None:
    go_to(page)


def _tag(now: Reading, chosen: Sequence[str]) -> None:
    with st.popover("Tag", icon=":material/label:", disabled=not chosen):
        text = st.text_input("Tags", placeholder="stage=candidate, baseline-", key="runs.tag.text")
        st.caption("key=value sets a tag, key- takes it away; several are separated by commas.")
        ready = bool(text.strip())
        st.button("Set", type="primary", disabled=not ready, on_click=_set_tags, args=(_path(now), tuple(chosen), text))


def _archive(now: Reading, link: Link, chosen: Sequence[str]) -> None:
    with st.popover("Archive", icon=":material/archive:", disabled=not chosen):
        st.markdown(f"Hide {len(chosen)} runs from every list of the team. They can be restored.")
        reason = st.text_input("Why", key="runs.archive.reason")
        st.button("Archive", type="primary", on_click=_delete, args=(_path(now), link, tuple(chosen), reason))


def _downloads(now: Reading, link: Link, asked: Asked) -> None:
    chosen = tuple(link["runs"])
    with st.popover("Download", icon=":material/download:"):
        st.caption(f"{len(chosen)} selected runs" if chosen else "All runs that match")
        path = _path(now)
        st.download_button("CSV", lambda: _csv(path, asked.query, chosen), "runs.csv", "text/csv", on_click="ignore")
        st.download_button(
            "Parquet",
            lambda: _parquet(path, asked.query, chosen),
            "runs.parquet",
            "application/vnd.apache.parquet",
            on_click="ignore",
        )


def act(path: str, ids: Iterable[str], what: Callable[[Repo, list[RecordedRun]], None], said: str) -> bool:
    """Do something with runs, and remember what to say about it; True when it was done."""
    try:
        with Repo(path) as repo:
            what(repo, [repo.run(f"run:{run_id}") for run_id in ids])
    except (GtrackError, OSError) as error:
        st.session_state[_SAID] = str(error)
        return False
    st.session_state[_SAID] = said
    return True


def read_tags(text: str) -> dict[str, object | None]:
    """Read ``key=value`` and ``key-``, separated by commas.

    Example:
        >>> read_tags("stage=candidate, old-")
        {'stage': 'candidate', 'old': None}
    """
    out: dict[str, object | None] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        key, equals, value = part.partition("=")
        if equals:
            out[key.strip()] = value.strip()
        elif part.endswith("-"):
            out[part[:-1].strip()] = None
        else:
            out[part] = True
    return out


def _set_tags(path: str, ids: Sequence[str], text: str) -> None:
    from gtrack.ops.edit import tag

    act(path, ids, lambda repo, runs: tag(repo, runs, read_tags(text)), f"Tagged {len(ids)} runs.")


def _delete(path: str, link: Link, ids: Sequence[str], reason: str) -> None:
    from gtrack.ops.edit import delete

    said = f"Archived {len(ids)} runs; gtrack restore brings them back."
    if act(path, ids, lambda repo, runs: delete(repo, runs, reason.strip() or None), said):
        link.put(runs=())


def _path(now: Reading) -> str:
    return now.repo.root or now.repo.git_dir


def _found(repo: Repo, query: Query, chosen: Sequence[str]) -> Runs:
    return Runs([repo.run(f"run:{run_id}") for run_id in chosen]) if chosen else repo.find(query)


def _csv(path: str, query: Query, chosen: Sequence[str]) -> bytes:
    from gtrack.ops.export_text import csv_text

    with Repo(path) as repo:
        return "".join(csv_text(_found(repo, query, chosen).to_arrow(), csv_cell)).encode()


def _parquet(path: str, query: Query, chosen: Sequence[str]) -> bytes:
    import pyarrow.parquet as pq

    with Repo(path) as repo:
        table = _found(repo, query, chosen).to_arrow()
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]
