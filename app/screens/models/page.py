"""The page of registered models: all of them, or one by stage with what waits, its versions, forms and history."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from gtrack._app.header import header
from gtrack._app.link import Link, saved_settings
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.models.acting import say_done, say_rest
from gtrack._app.screens.models.as_code import EVERY, same_as_code
from gtrack._app.screens.models.board import show_board
from gtrack._app.screens.models.change import change_tab
from gtrack._app.screens.models.comparing import compare_tab, reference_version
from gtrack._app.screens.models.details import details_tab
from gtrack._app.screens.models.every import show_models
from gtrack._app.screens.models.history import history_tab
from gtrack._app.screens.models.lineage import lineage_tab
from gtrack._app.screens.models.settings import DEFAULTS, tabs_of
from gtrack._app.screens.models.subject import Subject, label_of, usual_version, wanted_version
from gtrack._app.screens.models.versions import versions_tab
from gtrack._app.screens.models.waiting import show_waiting
from gtrack._app.watching import watch
from gtrack.display.model_words import called, named, who
from gtrack.display.words import ago, plural
from gtrack.errors import GtrackError, NotFoundError
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState

__all__ = ["page"]

_SHOW: Mapping[str, Callable[[Subject], None]] = {
    "Versions": versions_tab,
    "Details": details_tab,
    "Change": change_tab,
    "Compare": compare_tab,
    "Lineage": lineage_tab,
    "History": history_tab,
}
_WELCOME = (
    "gtrack artifact ls last                     # what a run kept",
    "gtrack model register last/model churn      # its model becomes version 1 of churn",
)
_PROGRAM = 'with gtrack.start_run() as run:\n    ...\n    run.log_model(model, "model", register="churn")'


def page(now: Reading) -> None:
    """Show all models, or the one that the address names."""
    saved, trouble = saved_settings(now.repo, "models")
    link = Link("models", DEFAULTS, saved)
    if link["tab"] not in tabs_of(read_only=now.read_only):
        link.put(tab="Versions")
    states = now.kept("models", (), now.repo.models)
    name = link["model"]
    state = next((each for each in states if each.name == name), None) if name else None
    if state is None:
        header(now, "Models", link, *EVERY)
        _say(trouble, link)
        if name:
            _missing(now, link, name)
        if states:
            show_models(now, link, states)
        else:
            empty_state("No models yet", "A model that a run kept becomes a version of a named one.", _WELCOME)
            st.caption("Or in the training itself:")
            st.code(_PROGRAM, language="python")
    else:
        _one(now, link, state, trouble)
    watch(now)


def _one(now: Reading, link: Link, state: ModelState, trouble: str) -> None:
    """Show one model."""
    version, wrong = usual_version(state, link["version"])
    subject = Subject(now, link, state, version)
    code = same_as_code(link["tab"], state, version, _against(subject))
    header(now, f"Model {markdown(cell(state.name, 80))}", link, *code)
    _say(trouble, link)
    _head(subject)
    say_done()
    if wrong is not None:
        problem(wrong)
    show_waiting(subject)
    show_board(subject)
    _picker(subject)
    tabs, named_tabs = tabs_of(read_only=now.read_only), link["tab"]
    drawn = st.tabs(list(tabs), **link.widget("tab"))
    with drawn[tabs.index(named_tabs)]:
        try:
            _SHOW[named_tabs](subject)
        except GtrackError as error:
            problem(error)
    say_rest()
    st.toggle("As HTML tables", help="For screen readers", **link.widget("plain"))


def _say(trouble: str, link: Link) -> None:
    if trouble:
        problem(trouble)
    for text in link.problems:
        remark(text)


def _missing(now: Reading, link: Link, name: str) -> None:
    """Say that there is no such model, or that it was deleted."""
    try:
        found = now.repo.model(name)
        problem(NotFoundError(f"the model {found.name!r:.80} was deleted", hint=f"gtrack model restore {name:.80}"))
    except GtrackError as error:
        problem(error)
    st.button("All models", on_click=lambda: link.put(model="", version="", against=""), key="models.all")


def _head(subject: Subject) -> None:
    """Show what the model is, in two lines."""
    state = subject.state
    if state.description:
        st.markdown(markdown(state.description, 500))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "All models",
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=lambda: subject.link.put(model="", version="", against=""),
            key="models.all",
        )
        st.caption(" · ".join(markdown(fact, 120) for fact in _facts(subject)), width="content")
        for alias, uid in list(state.aliases.items())[:8]:
            label = markdown(f"{cell(alias, 40)} is {named(state, uid)}")
            st.badge(label, icon=":material/label:", color="violet", help="Alias")
        for key, value in list(state.tags.items())[:8]:
            st.badge(markdown(f"{cell(key, 40)}={cell(value, 40)}"), icon=":material/sell:", color="gray", help="Tag")


def _facts(subject: Subject) -> list[str]:
    state = subject.state
    facts = [plural(len(state.versions), "version")]
    if state.updated is not None:
        facts.append(f"changed {ago(state.updated, subject.now.now_us)} by {cell(who(state.author), 60)}")
    return facts


def _picker(subject: Subject) -> None:
    """Let somebody choose the version that the tabs are about."""
    versions = {each.uid: each for each in reversed(subject.state.versions)}
    version = subject.version
    if version is None:
        return
    versions.setdefault(version.uid, version)
    key = "models.version.box"
    st.session_state[key] = version.uid
    st.selectbox(
        "Version",
        list(versions),
        format_func=lambda uid: cell(label_of(versions[uid]), 80),
        key=key,
        on_change=lambda: subject.link.put(version=st.session_state[key] or ""),
        width=320,
        help=f"What Details, Change, Compare and Lineage are about: {called(version)}",
    )


def _against(subject: Subject) -> Version | None:
    """Return the version that the one that is looked at is compared with."""
    version = subject.version
    others = [] if version is None else [each for each in subject.state.versions if each.uid != version.uid]
    if version is None or not others:
        return None
    if subject.link["against"]:
        try:
            return wanted_version(subject.state, subject.link["against"])
        except GtrackError:
            return None
    return reference_version(subject, version, others[::-1])
