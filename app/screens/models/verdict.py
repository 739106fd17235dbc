"""What the team's policy says of a change, before it is made."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gtrack._app.safe import markdown
from gtrack.display.words import plural
from gtrack.errors import GtrackError
from gtrack.model.policy import Judgement
from gtrack.ops.policy import unreadable

__all__ = ["finding_lines", "judged", "show_verdict", "verdict_text"]

_MOST = 50


def judged(judge: Callable[[], Judgement]) -> Judgement:
    """Return what the policy says; what it cannot judge is not allowed."""
    try:
        return judge()
    except GtrackError as error:
        return unreadable(error)


def show_verdict(judgement: Judgement, what: str, *, approvals: bool = True) -> None:
    """Show whether the policy allows something, and what came of each rule.

    Args:
        judgement: What the policy says.
        what: What somebody wants to do: ``v3 to Production``.
        approvals: It waits for as many approvals as are needed.
    """
    st.markdown(verdict_text(judgement, what, approvals=approvals))
    for line in finding_lines(judgement):
        st.caption(line)


def verdict_text(judgement: Judgement, what: str, *, approvals: bool = True) -> str:
    """Return the verdict as Markdown.

    Example:
        >>> verdict_text(Judgement(), "v3 to Production")
        ':gray[:material/policy:] There is no policy: nothing speaks against v3 to Production.'
    """
    said, where = markdown(what, 200), markdown(judgement.where, 200)
    if not judgement.where:
        return f":gray[:material/policy:] There is no policy: nothing speaks against {said}."
    if not judgement.passed:
        count = f"{len(judgement.violations):,} of {plural(len(judgement.findings), 'rule')} not kept"
        return f":red[:material/block:] **The policy does not allow {said}**: {count} ({where})."
    if approvals and judgement.needs:
        count = plural(judgement.needs, "approval")
        return f":orange[:material/how_to_reg:] **The policy allows {said} with {count} of others** ({where})."
    return f":green[:material/check:] **The policy allows {said}** ({where})."


def finding_lines(judgement: Judgement) -> list[str]:
    """Return each rule with what came of it, as Markdown; those that are not kept come first.

    Args:
        judgement: What the policy says.
    """
    ordered = sorted(judgement.findings, key=lambda finding: finding.passed)[:_MOST]
    marks = {True: ":green[:material/check: kept]", False: ":red[:material/close: not kept]"}
    lines = []
    for finding in ordered:
        todo = f" · to do: {markdown(finding.hint, 300)}" if finding.hint and not finding.passed else ""
        lines.append(f"{marks[finding.passed]} {markdown(finding.rule, 120)} · {markdown(finding.message)}{todo}")
    return lines
