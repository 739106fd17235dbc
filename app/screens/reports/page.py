"""The page of reports: Markdown files of the code repository, with live blocks of the runs."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

import streamlit as st

from gtrack._app.header import header
from gtrack._app.link import Link, Setting, saved_settings
from gtrack._app.options import current
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading, reading
from gtrack._app.safe import cell
from gtrack._app.screens.reports.blocks import show_block, show_problem
from gtrack._app.screens.reports.prose import Setting as ProseSetting
from gtrack._app.screens.reports.prose import prose
from gtrack._app.steps import part
from gtrack.errors import GtrackError
from gtrack.reader import Repo
from gtrack.report.answering import Answers
from gtrack.report.blocks import Block
from gtrack.report.document import Report
from gtrack.report.hosts import host_of_remote
from gtrack.report.page import build_page
from gtrack.report.pictures import Pictures
from gtrack.report.problems import Problem
from gtrack.report.results import Result
from gtrack.report.sources import find_reports, read_report

__all__ = ["page"]

DEFAULTS: dict[str, Setting] = {"file": ""}
_TICK = 3.0
"""Seconds between looks at the runs and the file."""
_LIST_US = 10_000_000
"""Microseconds for which the list of reports is kept."""
_WIDTH = 1000
_EXAMPLE = """# Churn: what works

The ranking of the experiment, as it is now:

```gtrack
leaderboard: churn
```

```gtrack
chart: val_loss
experiment: churn
```
"""
_OTHERS = (
    "table: metrics.val_auc > 0.9          # runs as rows; columns, sort, limit",
    "chart: val_loss                       # curves; where, smoothing, x",
    "run: last                             # one run; show: [params, metrics, code]",
    "leaderboard: churn                    # an experiment's ranking; metric, min_runs",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A report in the list: its path, its title, how many blocks it has."""

    path: str
    title: str
    blocks: int


def page(now: Reading) -> None:
    """Show the reports."""
    saved, trouble = saved_settings(now.repo, "reports")
    link = Link("reports", DEFAULTS, saved)
    found = _found(now)
    path = link["file"] or (found[0].path if found else "")
    header(now, "Reports", link if found else None, *_code(path))
    if trouble:
        problem(trouble)
    _watch(_signature(now, path), path)
    if not found:
        _welcome()
        return
    known = path in {each.path for each in found}
    _toolbar(link, found, path if known else "")
    if known:
        _show(now, link, read_report(now.repo, path), found)
    else:
        problem(f"there is no report {path:.200}: a Markdown file with a gtrack block, which git does not ignore")


def _found(now: Reading) -> tuple[Listed, ...]:
    """Return the reports; a file may become one without any run changing, so they are looked for again."""

    def answer() -> tuple[Listed, ...]:
        return tuple(Listed(each.path, each.title, len(each.blocks)) for each in find_reports(now.repo))

    return now.kept("reports", now.now_us // _LIST_US, answer)


def _code(path: str) -> tuple[str, str]:
    path = path or "results.md"
    cli = f"gtrack report build {shlex.quote(path)} -o report.html"
    python = (
        "import gtrack\nfrom gtrack.report.page import build_page\nfrom gtrack.report.sources import read_report\n\n"
        f'with gtrack.Repo(".") as repo:\n    html = build_page(repo, [read_report(repo, {path!r})]).html'
    )
    return cli, python


def _toolbar(link: Link, found: tuple[Listed, ...], path: str) -> None:
    titles = {each.path: f"{cell(each.title, 80)} · {cell(each.path, 80)}" for each in found}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if path:
            link.put(file=path)
            arguments = link.widget("file")
        else:  # the address names none of them
            arguments = {**link.widget("file"), "index": None}
            st.session_state[arguments["key"]] = None
        st.selectbox("Report", list(titles), format_func=lambda each: titles.get(each, ""), width=460, **arguments)
        if path:
            st.download_button(
                "Build static page",
                data=lambda: _built(path),
                file_name=os.path.basename(path).rpartition(".")[0] + ".html",
                mime="text/html",
                icon=":material/download:",
                help="One HTML file that needs no server, no script and no network",
                on_click="ignore",
            )


def _built(path: str) -> bytes:
    """Return the static page of a report, once somebody asked for it."""
    with Repo(current().path) as repo:
        repo.recover()
        return build_page(repo, [read_report(repo, path)]).html.encode("utf-8", "replace")


def _show(now: Reading, link: Link, report: Report, found: tuple[Listed, ...]) -> None:
    pictures, host = Pictures(now.repo), host_of_remote(now.repo)
    reports = frozenset(each.path for each in found)
    setting = ProseSetting(pictures.source, reports, host, _commit(now))
    texts = prose(report, setting)
    answers = Answers(now.repo)
    with st.container(width=_WIDTH):
        for wrong in (*report.problems, *setting.problems):
            show_problem(wrong)
        for each in report.parts:
            if isinstance(each, Block):
                show_block(each, _answer(now, answers, each), link)
            else:
                st.markdown(texts[each.line])


def _commit(now: Reading) -> str:
    """Return the commit of the code that is here."""
    return now.repo.repository.refs.read("HEAD") or ""


def _answer(now: Reading, answers: Answers, block: Block) -> Result | Problem:
    return now.kept("report.block", (block.path, block.line, block.source), lambda: answers.of(block))


@part(every=_TICK)
def _watch(shown: str, path: str) -> None:
    """Run the page again once the runs or the file have changed."""
    try:
        with reading() as now:
            changed = _signature(now, path) != shown
    except GtrackError:
        changed = True  # the page says what is wrong
    if changed:
        st.rerun()


def _signature(now: Reading, path: str) -> str:
    """Return what changes when there is something else to show."""
    try:
        status = os.stat(os.path.join(now.repo.root, path)) if path else None
    except (OSError, ValueError):
        status = None
    told = "" if status is None else f"{status.st_mtime_ns} {status.st_size}"
    return f"{now.mark} {told} {hash(_found(now))}"


def _welcome() -> None:
    empty_state(
        "No reports yet",
        "A report is a Markdown file of this repository with live blocks of the runs. Write one, and it appears here.",
    )
    st.code(_EXAMPLE, language="markdown")
    remark("The first key of a block says what it shows:")
    st.code("\n".join(_OTHERS), language="yaml")
    st.code("gtrack report build results.md -o results.html   # one HTML file, for GitHub Pages", language="bash")
