"""Whether this machine and this repository have what gtrack needs, and whether the runs' branch is sound."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from gtrack._app.grids import grid
from gtrack._app.options import current
from gtrack._app.reading import Reading, reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.health.parts import command, notes
from gtrack._app.steps import part
from gtrack.clock import now_ns
from gtrack.display.words import ago, plural
from gtrack.ids import SHORT, is_object_id
from gtrack.ops.doctor import Check, examine
from gtrack.ops.fsck import Finding, Report, check

__all__ = ["checks_table", "findings_table", "machine", "soundness"]

_FRESH_US = 60_000_000
_MARKS = {
    "ok": ":green[:material/check:]",
    "warn": ":orange[:material/warning:]",
    "fail": ":red[:material/error:]",
}
_CHECKED = "health.fsck"


def machine(now: Reading) -> None:
    """Show what gtrack needs on this machine and in this repository, and whether it is there."""
    st.subheader("This machine and repository", anchor=False)
    found = now.kept("doctor", now.now_us // _FRESH_US, lambda: examine(current().path, now.repo.env))
    st.table(checks_table(found), border="horizontal", hide_index=True, alt="What gtrack doctor checks")


def checks_table(found: Sequence[Check]) -> pa.Table:
    """Return checks as Markdown, each with its mark."""
    columns = {
        "check": [f"{_MARKS.get(each.level, '')} {markdown(each.name)}" for each in found],
        "found": [markdown(each.detail) for each in found],
        "what to type": [command(each.hint) if each.hint else "" for each in found],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


@part()
def soundness() -> None:
    """Offer to check the runs, and show what was found."""
    st.subheader("Soundness of the runs", anchor=False)
    with reading() as now:
        st.caption(
            "Every file of the branch and its history, what was fetched, spools and snapshots: names, formats, "
            "digests. A minute or two for 10,000 runs."
        )
        known = notes()
        if st.button("Check", icon=":material/fact_check:", help="gtrack fsck", key=f"{_CHECKED}.button"):
            with st.spinner("Checking every file. Other pages stay usable."):
                known[_CHECKED] = (now.repo.common_dir, now_ns() // 1000, check(now.repo))
        where, when, report = known.get(_CHECKED, (None, 0, None))
        if report is not None and where == now.repo.common_dir:
            _report(report, ago(when, now.now_us))


def _report(report: Report, when: str) -> None:
    read = f"{plural(report.runs, 'run')}, {plural(report.files, 'file')}, {plural(report.commits, 'commit')}"
    errors = sum(finding.level == "error" for finding in report.findings)
    if not report.findings:
        st.markdown(f"{_MARKS['ok']} No damage in {markdown(read)} :gray[· {markdown(when)}]")
        return
    mark = _MARKS["fail" if errors else "warn"]
    found = f"{plural(errors, 'error')}, {plural(len(report.findings) - errors, 'warning')}"
    st.markdown(f"{mark} {found} in {markdown(read)} :gray[· {markdown(when)}]")
    grid(findings_table(report.findings), plain=False, alt="What is wrong", rows=16)
    if errors:
        st.markdown(f"To put back what copies remain of: {command('gtrack fsck --repair')}")


def findings_table(findings: Sequence[Finding]) -> pa.Table:
    """Return findings as text, errors first."""

    def source(finding: Finding) -> str:
        text = finding.source or ""
        return text[:SHORT] if is_object_id(text) else cell(text, 80)

    columns = {
        "level": [finding.level for finding in findings],
        "source": [source(finding) for finding in findings],
        "path": [cell(finding.path, 200) for finding in findings],
        "what": [cell(finding.what) for finding in findings],
        "what to type": [cell(finding.hint or "", 200) for finding in findings],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
