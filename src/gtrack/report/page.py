"""Reports as one web page that needs nothing else: no network, no script, no other file.

Nothing in it that comes from a run is markup, and the page's policy (https://www.w3.org/TR/CSP3/) allows its own style
sheet and pictures within it, and no more. It says nothing of when it was made: the same files and runs give the same
bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from gtrack.ids import SHORT
from gtrack.report.answering import Answers
from gtrack.report.document import Report
from gtrack.report.hosts import Host, host_of_remote
from gtrack.report.html import Colours, block_html
from gtrack.report.pictures import Pictures
from gtrack.report.problems import Problem
from gtrack.report.prose import Setting, prose_html, slug_of
from gtrack.report.sources import committed
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Page", "build_page", "problems_of"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        html: The page.
        problems: What is wrong in its reports, and shown in its place.
        blocks: How many blocks it has.
    """

    html: str
    problems: tuple[Problem, ...]
    blocks: int


def build_page(repo: Repo, reports: Sequence[Report], *, title: str = "") -> Page:
    """Return reports as one page.

    Args:
        repo: The repository.
        reports: The reports, in the order in which they are to stand.
        title: What several are called together.

    Example:
        >>> build_page(repo, [read_report(repo, "results.md")]).problems
        ()
    """
    answers, colours, pictures = Answers(repo), Colours(), Pictures(repo)
    host, commit = host_of_remote(repo), repo.repository.refs.read("HEAD") or ""
    several = len(reports) > 1
    anchors = _anchors(reports)
    problems: list[Problem] = []
    articles = []
    for report in reports:
        found = {block.line: (block, answers.of(block)) for block in report.blocks}
        shown = {line: block_html(block, result, colours) for line, (block, result) in found.items()}
        prefix = f"{anchors[report.path]}--" if several else ""
        setting = Setting(pictures, anchors, host, commit, int(several), prefix)
        html = prose_html(report, shown, setting)
        wrong = [result for _, result in found.values() if isinstance(result, Problem)]
        problems += sorted([*wrong, *report.problems, *setting.problems], key=lambda problem: problem.line)
        articles.append(_article(report, html, anchors[report.path], several=several))
    heading = title or (", ".join(report.title for report in reports) if several else reports[0].title)
    top = _contents(reports, anchors, title or "Reports") if several else ""
    body = f"{top}<main>{''.join(articles)}</main>"
    page = _whole(heading, body, _footer(repo, reports, host, commit))
    return Page(page, tuple(problems), sum(len(report.blocks) for report in reports))


def problems_of(repo: Repo, reports: Sequence[Report]) -> list[Problem]:
    """Return what is wrong in reports, in their order: blocks are answered for that, and pictures looked for."""
    return list(build_page(repo, reports).problems) if reports else []


def _anchors(reports: Sequence[Report]) -> dict[str, str]:
    """Return an anchor for each report, none of them twice."""
    found: dict[str, str] = {}
    for number, report in enumerate(reports):
        slug = slug_of(report.path.rpartition("/")[2].rpartition(".")[0]) or "report"
        found.setdefault(report.path, slug if slug not in found.values() else f"{slug}-{number}")
    return found


def _article(report: Report, html: str, anchor: str, *, several: bool) -> str:
    """Return a report below a heading: its own, or its title where it has none of the first level."""
    level = 2 if several else 1
    head = "" if f"<h{level} " in html else f"<h{level}>{escape(report.title)}</h{level}>\n"
    return f'<article id="{escape(anchor)}">\n{head}{html}</article>\n'


def _contents(reports: Sequence[Report], anchors: dict[str, str], title: str) -> str:
    items = "".join(f'<li><a href="#{escape(anchors[each.path])}">{escape(each.title)}</a></li>' for each in reports)
    return f'<header><h1>{escape(title)}</h1><nav aria-label="Reports"><ul>{items}</ul></nav></header>'


def _footer(repo: Repo, reports: Sequence[Report], host: Host | None, commit: str) -> str:
    """Return of what the page was made: the commit of the code, the tips of the runs' branch."""
    code = "code without a commit"
    if commit:
        link, short = host.commit(commit) if host else "", commit[:SHORT]
        code = "code at " + (f'<a href="{escape(link)}">{short}</a>' if link else short)
        if not all(committed(repo, report) for report in reports):
            code += ", with uncommitted changes of this text"
    return f"{code} · {escape(_tips(repo))} · made by gtrack"


def _tips(repo: Repo) -> str:
    repository = repo.repository
    name = repository.branch.removeprefix("refs/heads/")
    tips = {} if repository.tip is None else {name: repository.tip}
    if repository.remote_tip is not None and repository.remote_tip not in tips.values():
        tips[f"{repository.remote}/{name}"] = repository.remote_tip
    said = " and ".join(f"{clean(where)} at {tip[:SHORT]}" for where, tip in tips.items())
    return f"runs of {said}" if said else "no runs recorded"


@cache
def _parts() -> tuple[str, str]:
    template, style = (files("gtrack.report").joinpath(f"page.{kind}").read_text("utf-8") for kind in ("html", "css"))
    return template, style


def _whole(title: str, body: str, footer: str) -> str:
    template, style = _parts()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Template(template).substitute(
        title=escape(title), style=style, style_hash=f"sha256-{digest}", body=body, footer=footer
    )
