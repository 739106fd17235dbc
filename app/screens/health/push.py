"""Pushing from the dashboard: code that the remote lacks is published by nobody's surprise.

As on the command line the question comes before anything of the code or the runs is sent, with the files that would be
shown. There the push waits for the answer; here it is given up, and done anew with the answer, which counts for just
what was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from gtrack._app.reading import Reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.health.parts import act, command, notes, say
from gtrack.display.exchange import push_remarks, pushed
from gtrack.display.stores import terms
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.ops.publish_code import Question, remember
from gtrack.ops.push import push
from gtrack.ops.store_settings import store_choice
from gtrack.reader import Repo

__all__ = ["UnansweredError", "answered", "push_now", "show_push"]

_KEY, _QUESTION = "health.push", "health.push.question"
_SHOWN_FILES = 12
_SPINNER = "Sending what the remote lacks. Large artifacts may take minutes."


class UnansweredError(Exception):
    """Somebody has to be asked first.

    Args:
        question: What.
    """

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


def answered(asked: Question | None, answer: bool) -> Callable[[Question], bool]:
    """Return what gives an answer to a question that was asked, and to no other one.

    Args:
        asked: The question; None when nobody was asked yet.
        answer: The answer.
    """

    def consent(question: Question) -> bool:
        if question != asked:
            raise UnansweredError(question)
        return answer

    return consent


def push_now(repo: Repo, asked: Question | None = None, *, answer: bool = False, always: bool = False) -> list[str]:
    """Push, and return what there is to say about it.

    Args:
        repo: The repository.
        asked: What somebody was asked.
        answer: What they said to that.
        always: The answer is kept for the next time.

    Raises:
        UnansweredError: There is something to ask first. Nothing of the runs or the code was sent.
    """
    consent = answered(asked, answer)
    if always and asked is not None:

        def remembered(question: Question) -> bool:
            said = consent(question)
            remember(repo.repository, said)
            return said

        done = push(repo.repository, consent=remembered)
    else:
        done = push(repo.repository, consent=consent)
    return [*pushed(done).splitlines(), *push_remarks(done, decided=asked is not None)]


def show_push(now: Reading, *, button: bool) -> None:
    """Show what came of the last push, and what it has to ask.

    Args:
        now: The repository.
        button: The button was pressed.
    """
    if button:
        notes().pop(_QUESTION, None)
        _do(push_now)
    question = notes().get(_QUESTION)
    if isinstance(question, Question):
        _ask(now, question)
    say(_KEY, now.now_us)
    _store(now)


def _do(how: Callable[[Repo], list[str]]) -> None:
    known = notes()
    try:
        act(_KEY, how, _SPINNER)
    except UnansweredError as unanswered:
        known[_QUESTION] = unanswered.question


def _ask(now: Reading, question: Question) -> None:
    """Ask whether code may be published, naming the files."""
    remote = markdown(str(now.repo.repository.remote), 60)
    versions = plural(question.snapshots, "version")
    has = "has" if question.snapshots == 1 else "have"
    with st.container(border=True):
        st.markdown(
            f"**:material/help: {versions} of the code {has} changes that {remote} lacks. Publish this code too?**"
        )
        files = [cell(path, 200) for path in question.files[:_SHOWN_FILES]]
        more = len(question.files) - _SHOWN_FILES + question.more
        st.code("\n".join([*files, *([f"and {plural(more, 'file')} more"] if more > 0 else [])]), language=None)
        st.caption(
            "No run and no code was sent yet. Always and Never are kept in this clone: `git config gtrack.publishCode`."
        )
        with st.container(horizontal=True):
            once = st.button("Publish this once", key="health.push.once")
            always = st.button("Always publish", key="health.push.always")
            not_now = st.button("Push without the code", key="health.push.without")
            never = st.button("Never publish", key="health.push.never")
            give_up = st.button("Cancel", type="tertiary", key="health.push.cancel")
    if once or always or not_now or never:
        notes().pop(_QUESTION, None)
        _do(partial(push_now, asked=question, answer=once or always, always=always or never))
    if give_up:
        notes().pop(_QUESTION, None)
    if once or always or not_now or never or give_up:
        st.rerun()


def _store(now: Reading) -> None:
    """Say that artifacts wait for somebody to agree to the team's store: that is done where the terms are shown."""
    try:
        choice = store_choice(now.repo.repository)
    except GtrackError:
        return  # said in the part about the store
    if choice is not None and not choice.agreed:
        st.markdown(
            f":material/info: {markdown(choice.source)} keeps artifacts at {markdown(terms(choice))}, and nobody here "
            f"agreed to use it: {command('gtrack store accept')}"
        )
