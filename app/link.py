"""What a page shows, as its address says it: a link shows a colleague the same thing.

Every setting that differs from the default is a parameter of the address. Where a saved view is named there
(``?view=NAME``), its settings are the defaults, and the address has what differs from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import streamlit as st

from gtrack.errors import GtrackError
from gtrack.reader import Repo

__all__ = ["LONGEST", "SHARED", "Link", "Setting", "saved_settings", "to_parameters"]

Setting: TypeAlias = str | bool | int | float | tuple[str, ...] | list[Any] | dict[str, Any]
"""A setting's value: its default says of which kind it is. Lists and maps are JSON."""

SHARED: Mapping[str, Setting] = {
    "where": "",
    "experiment": (),
    "status": (),
    "runs": (),
    "hidden": (),
}
"""Settings that go along from page to page: which runs, which are selected, which curves are not drawn."""

LONGEST = 4000
"""So many characters of settings are still passed on whole by mail programs, chats and proxies."""

_STORE = "link"
_LISTED = {"where", "experiment", "status", "sort", "falling", "group", "nested"}


class Link:
    """The settings of the page that is shown.

    Args:
        page: The page's name.
        defaults: Its settings beside the shared ones, with their defaults.
        saved: The settings of the saved view that the address names.

    Example:
        >>> link = Link("runs", {"sort": ""})
        >>> st.text_input("Sort", **link.widget("sort"))
        >>> link["sort"]
        '-metrics.val_auc'
    """

    def __init__(self, page: str, defaults: Mapping[str, Setting], saved: Mapping[str, object] | None = None) -> None:
        self.page = page
        self._own = {**SHARED, **defaults}
        self.defaults: dict[str, Setting] = dict(self._own)
        for name, value in (saved or {}).items():
            if name in self._own and (read := _like(self._own[name], value)) is not None:
                self.defaults[name] = read
        self.problems: list[str] = []
        self._store: _Store = st.session_state.setdefault(_STORE, _Store())
        self._shared: dict[str, Setting] = self._store.shared
        self._local: dict[str, Setting] = self._store.pages.setdefault(page, {})
        self._view = st.query_params.get("view", "")
        self._read()
        self.write()

    def __getitem__(self, name: str) -> Any:
        return self._part(name).get(name, self.defaults[name])

    def put(self, **settings: Setting) -> None:
        """Change settings, in the address too."""
        for name, value in settings.items():
            self._part(name)[name] = value
        if "page" in self._own and "page" not in settings and _LISTED & settings.keys():
            self._part("page")["page"] = 1  # of another list
        self.write()

    def forget(self) -> None:
        """Forget all settings and the saved view, as if the page were opened for the first time."""
        self._view = ""
        self._shared.clear()
        self._local.clear()
        self._store.written = {}
        st.query_params.clear()

    def name(self, view: str) -> None:
        """Name the saved view that holds these settings, in the place of the settings."""
        self.defaults = {name: self[name] for name in self.defaults}
        self._view = view
        self.write()

    def unname(self) -> None:
        """Say in the address what the saved view said: the page stays as it is without it."""
        shown = {name: self[name] for name in self._own}
        self.defaults = dict(self._own)
        self._view = ""
        self.put(**shown)

    def widget(self, name: str) -> dict[str, Any]:
        """Return the arguments that make a widget show a setting and change it."""
        key = f"{self.page}.{name}"
        value = self[name]
        st.session_state[key] = list(value) if isinstance(value, tuple) else value
        return {"key": key, "on_change": self._changed, "args": (name, key)}

    def _changed(self, name: str, key: str) -> None:
        value = _like(self._own[name], st.session_state.get(key))
        self.put(**{name: self._own[name] if value is None else value})

    @property
    def settings(self) -> dict[str, Setting]:
        """All settings that differ from the page's own defaults: what a view saves."""
        return {name: self[name] for name in self._own if self[name] != self._own[name]}

    @property
    def parameters(self) -> dict[str, str | list[str]]:
        """What the address says, however long it is."""
        return to_parameters({name: self[name] for name in self.defaults}, self.defaults)

    @property
    def is_long(self) -> bool:
        """The settings are too many for an address: only a saved view can pass them on."""
        return _length(self.parameters) > LONGEST

    def write(self) -> None:
        """Put the settings into the address, as far as they are short enough."""
        wanted = self.parameters
        while _length(wanted) > LONGEST:
            wanted.pop(max(wanted, key=lambda name: _length({name: wanted[name]})))
        if self._view:
            wanted["view"] = self._view
        self._store.page = self.page
        self._store.written = {name: [value] if isinstance(value, str) else value for name, value in wanted.items()}
        if _present() != self._store.written:
            st.query_params.from_dict(wanted)

    def _part(self, name: str) -> dict[str, Setting]:
        return self._shared if name in SHARED else self._local

    def _read(self) -> None:
        """Take in what the address says: it stands against what was remembered.

        Whoever comes from another page brings the shared settings along. On the same page an address that is not the
        one that was written last was typed, or is where the browser went back to: what it does not say is the default.
        """
        said = _present()
        if self._store.page == self.page:
            if said == self._store.written:
                return
            self._shared.clear()
            self._local.clear()
        if self._store.view != self._view:  # what it shows goes along to other pages
            self._shared.update({name: self.defaults[name] for name in SHARED if self._view})
            self._store.view = self._view
        for name, texts in said.items():
            if name not in self.defaults:
                continue
            value = _parse(self.defaults[name], texts)
            if value is None:
                self.problems.append(f"the address has {name}={texts[0]:.60}, which it cannot be")
            else:
                self._part(name)[name] = value


@dataclass(slots=True)
class _Store:
    """What one visitor's pages show.

    Attributes:
        shared: The settings that go along from page to page, those that were changed.
        pages: Each page's own.
        page: The page that was shown last.
        written: The address that was written for it.
        view: The saved view that was opened last.
    """

    shared: dict[str, Setting] = field(default_factory=dict)
    pages: dict[str, dict[str, Setting]] = field(default_factory=dict)
    page: str = ""
    written: dict[str, list[str]] = field(default_factory=dict)
    view: str = ""


def to_parameters(settings: Mapping[str, Setting], defaults: Mapping[str, Setting]) -> dict[str, str | list[str]]:
    """Return the parameters of an address for the settings that differ from the defaults."""
    out: dict[str, str | list[str]] = {}
    for name, value in settings.items():
        if value == defaults.get(name):
            continue
        if isinstance(value, tuple):
            out[name] = list(value) or [""]
        elif isinstance(value, bool):
            out[name] = "1" if value else "0"
        else:
            out[name] = json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else str(value)
    return out


def _parse(default: Setting, texts: list[str]) -> Setting | None:
    """Read what an address says of a setting; None for what it cannot be."""
    (last,) = texts[-1:] or ("",)
    try:
        if isinstance(default, tuple):
            return tuple(dict.fromkeys(text for text in texts if text))
        if isinstance(default, bool):
            return {"1": True, "0": False}.get(last)
        if isinstance(default, str):
            return last
        return _like(default, json.loads(last))
    except (ValueError, RecursionError):
        return None


def _like(default: Setting, value: object) -> Setting | None:
    """Return a value as one of the default's kind; None for another kind."""
    if isinstance(default, tuple):
        parts = value if isinstance(value, list | tuple) else ()
        return tuple(part for part in parts if isinstance(part, str))
    if isinstance(default, bool) or isinstance(value, bool):
        return value if isinstance(value, bool) and isinstance(default, bool) else None
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    return value if isinstance(value, type(default)) else None


def _present() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _length(parameters: Mapping[str, str | list[str]]) -> int:
    texts = (value if isinstance(value, list) else [value] for value in parameters.values())
    return sum(map(len, parameters)) + sum(len(text.encode()) + 1 for each in texts for text in each)


def saved_settings(repo: Repo, page: str) -> tuple[Mapping[str, object], str]:
    """Return the settings of the saved view that the address names, and what to say where there is none."""
    name = st.query_params.get("view", "")
    if not name:
        return {}, ""
    try:
        view = repo.saved_view(name)
    except GtrackError as error:
        return {}, str(error)
    if view.deleted:
        return view.settings, f"the view {name:.80} was deleted; this is what it showed"
    if view.page != page:
        return {}, f"the view {name:.80} is of the page {view.page:.40}"
    return view.settings, ""
