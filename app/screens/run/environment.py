"""The tab of the environment: Python, hardware, launcher, packages, and what differs from the reference's."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gtrack._app.grids import facts, grid, pairs
from gtrack._app.parts import remark
from gtrack._app.safe import markdown
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import plural, value_text
from gtrack.model.nested import flatten

__all__ = ["environment_tab", "packages_of"]

_MOST_CHANGED = 60


def environment_tab(subject: Subject) -> None:
    """Show the tab."""
    state, link = subject.run.state, subject.link
    plain = bool(link["plain"])
    if not state.environment:
        remark("Nothing was recorded of the environment.")
        return
    _changed(subject)
    left, right = st.columns(2, gap="medium")
    kept = {key: value for key, value in state.environment.items() if key != "packages"}
    with left:
        st.subheader("Machine and Python", anchor=False)
        facts(list(flatten(kept)), plain=plain, alt="The environment")
    with right:
        packages = packages_of(state.environment)
        st.subheader(f"Packages ({len(packages):,})", anchor=False)
        st.text_input("Search packages", placeholder="torch", label_visibility="collapsed", **link.widget("package"))
        wanted = link["package"].strip().casefold()
        shown = [(name, version) for name, version in packages if wanted in name.casefold()]
        if shown:
            grid(pairs(shown, ("package", "version")), plain=plain, alt=plural(len(shown), "package"))
        else:
            remark("No such package." if packages else "No packages were recorded.")


def packages_of(environment: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return the packages by name, with their versions."""
    packages = environment.get("packages")
    if isinstance(packages, Mapping):
        return sorted(((str(name), value) for name, value in packages.items()), key=lambda pair: pair[0].casefold())
    return [(value_text(item), "") for item in packages] if isinstance(packages, list) else []


def _changed(subject: Subject) -> None:
    found, reference = subject.comparison, subject.reference
    if found is None or reference is None:
        return
    host = (found.host,) if found.host is not None else ()
    changes = [*found.packages, *found.environment, *host]
    if not changes:
        remark(f"The same environment as {reference[1]}.")
        return
    lines = [
        f"{markdown(one.key, 80)}  {markdown(value_text(one.a), 80)} → {markdown(value_text(one.b), 80)}"
        for one in changes[:_MOST_CHANGED]
    ]
    with st.container(border=True):
        st.markdown(f"**Against {markdown(reference[1])}**, {markdown(reference[0].name, 60)}")
        st.markdown("  \n".join(lines))
        if len(changes) > _MOST_CHANGED:
            remark(f"and {len(changes) - _MOST_CHANGED:,} more")
