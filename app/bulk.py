"""What can be done with the runs that are selected, and with all that match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from gtrack._app.downloads import Download, download_csv, download_parquet
from gtrack._app.link import Link
from gtrack._app.reading import Reading
from gtrack._app.safe import markdown
from gtrack._app.steps import go_to
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.reader import RecordedRun, Repo

__all__ = ["Chosen", "act", "bulk_bar", "read_tags"]

_SAID = "runs.said"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs that are selected.

    Attributes:
        ids: Their ids.
        told: How many they are, in words: ``7 runs of 2 groups``.
        bar: What the bar says of the selection, and of how many there are without one.
    """

    ids: tuple[str, ...]
    told: str
    bar: str


def bulk_bar(now: Reading, link: Link, chosen: Chosen, download: Download) -> None:
    """Show the actions on the runs that are selected.

    Args:
        now: The repository.
        link: The page's settings.
        chosen: The runs.
        download: What a file of all runs holds.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{chosen.bar}**")
        st.button(
            "Compare",
            icon=":material/compare_arrows:",
            disabled=len(chosen.ids) < 2,
            on_click=_go,
            args=(link, chosen.ids, "compare"),
        )
        st.button("Charts", icon=":material/show_chart:", on_click=_go, args=(link, chosen.ids, "charts"))
        if not now.read_only:
            _tag(now, chosen)
            _archive(now, link, chosen)
        _downloads(now, chosen, download)
        if chosen.ids:
            st.button("Select none", on_click=_select_none, args=(link,), type="tertiary")
        if link["hidden"]:
            st.button("Show all curves", on_click=lambda: link.put(hidden=()), type="tertiary")
    if said := st.session_state.pop(_SAID, ""):
        st.toast(markdown(said))


def _go(link: Link, ids: Sequence[str], page: str) -> None:
    link.put(runs=tuple(ids))  # those of groups are selected as groups alone until now
    go_to(page)


def _select_none(link: Link) -> None:
    link.put(runs=(), groups=())


def _tag(now: Reading, chosen: Chosen) -> None:
    with st.popover("Tag", icon=":material/label:", disabled=not chosen.ids):
        text = st.text_input("Tags", placeholder="stage=candidate, baseline-", key="runs.tag.text")
        st.caption("key=value sets a tag, key- takes it away; several are separated by commas.")
        st.caption(f"Of {chosen.told}.")
        ready = bool(text.strip())
        st.button("Set", type="primary", disabled=not ready, on_click=_set_tags, args=(_path(now), chosen, text))


def _archive(now: Reading, link: Link, chosen: Chosen) -> None:
    with st.popover("Archive", icon=":material/archive:", disabled=not chosen.ids):
        st.markdown(f"Hide {chosen.told} from every list of the team. They can be restored.")
        reason = st.text_input("Why", key="runs.archive.reason")
        st.button("Archive", type="primary", on_click=_delete, args=(_path(now), link, chosen, reason))


def _downloads(now: Reading, chosen: Chosen, download: Download) -> None:
    wanted = download.of(chosen.ids)
    with st.popover("Download", icon=":material/download:"):
        some = f"The {chosen.told} selected" if chosen.ids else f"All {_total(now, download)} of the filter"
        told = f"{some}, in the order of the table, {wanted.contents}."
        st.caption(told)
        path = _path(now)
        said: dict[str, Any] = {"on_click": "ignore", "help": told}
        st.download_button("CSV", lambda: download_csv(path, wanted), "runs.csv", "text/csv", **said)
        st.download_button(
            "Parquet",
            lambda: download_parquet(path, wanted),
            "runs.parquet",
            "application/vnd.apache.parquet",
            **said,
        )


def _total(now: Reading, download: Download) -> str:
    asked = replace(download.query, order=())
    return plural(now.kept("total", asked, lambda: now.repo.facts(asked).total), "run")


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


def _set_tags(path: str, chosen: Chosen, text: str) -> None:
    from gtrack.ops.edit import tag

    act(path, chosen.ids, lambda repo, runs: tag(repo, runs, read_tags(text)), f"Tagged {chosen.told}.")


def _delete(path: str, link: Link, chosen: Chosen, reason: str) -> None:
    from gtrack.ops.edit import delete

    said = f"Archived {chosen.told}; gtrack restore brings them back."
    if act(path, chosen.ids, lambda repo, runs: delete(repo, runs, reason.strip() or None), said):
        link.put(runs=(), groups=())


def _path(now: Reading) -> str:
    return now.repo.root or now.repo.git_dir
