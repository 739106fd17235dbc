"""The difference of two runs as text, part by part."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gtrack.cli.diff_code import counts, file_lines
from gtrack.cli.diff_rows import PARTS, both_texts, parts_of
from gtrack.cli.standings import describe_goal
from gtrack.cli.statuses import status_mark
from gtrack.cli.table import Heading, render_table
from gtrack.cli.terminal import Terminal
from gtrack.clock import now_ns
from gtrack.display.data_text import change_label, change_lines, data_text, is_fingerprint, shared_line
from gtrack.display.words import ago, cut, duration, plural
from gtrack.ids import SHORT
from gtrack.model.state import RunState
from gtrack.ops.compare import Comparison, MetricDifference
from gtrack.ops.data_changes import data_changes, shared_rows
from gtrack.ops.differences import Difference
from gtrack.ops.run_code import CodeChange
from gtrack.text import clean

__all__ = ["Block", "Excerpt", "blocks", "plain", "run_cells", "runs_head", "summary", "value_table"]

_LONGEST = 300
_WIDEST = 40
_TITLES = {
    "run": "Run",
    "params": "Params",
    "tags": "Tags",
    "data": "Data",
    "environment": "Environment",
    "packages": "Packages",
    "seed": "Seed",
}
_NOUNS = {"params": "param", "tags": "tag", "packages": "package"}
_WORTH_SAYING = ("params", "metrics", "data", "environment", "seed", "code")
_MOST_NAMED = 3
_MARKS = {"added": "+", "removed": "-", "changed": ""}
_STYLES = {"added": "green", "removed": "red", "better": "green", "worse": "red"}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The code's part of a report.

    Attributes:
        change: What git says of the two runs' code.
        lines: The first lines of the diff.
        more: There are more.
    """

    change: CodeChange
    lines: Sequence[str] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A titled part of a report. All text in it is clean.

    Attributes:
        title: What it is about.
        head: The heads of its table, if it has any.
        rows: The cells of its table.
        styles: The style names of each row's cells.
        lines: Text as it is, after the table.
        diff: Lines of a diff, after that.
    """

    title: str
    head: tuple[str, ...] = ()
    rows: list[list[str]] = field(default_factory=list)
    styles: list[list[tuple[str, ...]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    diff: Sequence[str] = ()


def summary(found: Comparison, code: Excerpt | None) -> str:
    """Return in a line what differs, and what does not."""
    told = {part: _told(part, found, code) for part in PARTS}
    differing = [text for text in told.values() if text]
    if not differing:
        return "nothing that is recorded differs"
    same = [part for part in _WORTH_SAYING if not told[part] and _is_recorded(part, found)]
    return f"differ in {', '.join(differing)}" + (f"; same {', '.join(same)}" if same else "")


def blocks(found: Comparison, code: Excerpt | None, parts: Collection[str], terminal: Terminal) -> list[Block]:
    """Return the parts of a comparison in which something differs.

    Args:
        found: The comparison.
        code: The code's part, where it is wanted.
        parts: The names of the parts that are wanted.
        terminal: What it can show.
    """
    differing = parts_of(found)
    out = [value_table(_TITLES[part], differing[part], terminal) for part in ("run", "params") if part in parts]
    out += [_metrics(found, terminal)] if "metrics" in parts else []
    for part in ("tags", "data", "environment", "packages", "seed"):
        if part in parts:
            block = value_table(_TITLES[part], differing[part], terminal)
            out.append(_with_data(block, found, terminal) if part == "data" else block)
    if code is not None:
        out.append(_code(found, code, terminal))
    return [block for block in out if block.rows or block.lines or block.diff]


def plain(head: Sequence[str], found: Sequence[Block], terminal: Terminal) -> str:
    """Return a report for a terminal."""
    lines = list(head)
    for block in found:
        lines += ["", terminal.style(block.title, "bold")] if block.title else [""]
        lines += [f"  {line}" for line in (*_table(block, terminal), *block.lines)]
        lines += ["", *block.diff] if block.diff else []
    return "".join(f"{line}\n" for line in lines)


def runs_head(found: Comparison, terminal: Terminal) -> list[str]:
    """Return two lines that tell which runs are compared."""
    now = now_ns() // 1000
    rows = [[letter, *run_cells(run, now, terminal)] for letter, run in (("a", found.a), ("b", found.b))]
    styles: list[list[tuple[str, ...]]] = [[("bold",), ("yellow",), (), ("dim",), (), (), (), ()] for _ in rows]
    heads = [Heading(""), Heading(""), Heading("", shrinks_to=10), *(Heading("", drop=n) for n in (2, 0, 4, 3, 1))]
    return render_table(heads, rows, terminal, styles)[0][1:]


def run_cells(run: RunState, now: int, terminal: Terminal) -> list[str]:
    """Return what tells a run from another: id, name, experiment, status, when, how long, commit."""
    commit = run.code.get("commit")
    code = clean(commit[:SHORT]) + ("*" if run.code.get("dirty") is True else "") if isinstance(commit, str) else ""
    status = status_mark(run.status, terminal) + (" (deleted)" if run.deleted else "")
    when = ago(run.started, now)
    return [run.id[:SHORT], clean(run.name), clean(run.experiment), status, when, duration(run.duration), code]


def value_table(title: str, changes: Sequence[Difference], terminal: Terminal) -> Block:
    """Return a block of values that differ."""
    arrow = "→" if terminal.unicode else "->"
    rows: list[list[str]] = []
    styles: list[list[tuple[str, ...]]] = []
    for change in changes:
        one, other = (cut(text, _LONGEST) for text in both_texts(change.change, change.a, change.b))
        rows.append([_MARKS[change.change], clean(change.key), one, arrow if change.change == "changed" else "", other])
        style = (_STYLES[change.change],) if change.change in _STYLES else ()
        styles.append([style, (), style or ("red",), ("dim",), style or ("green",)])
    if rows and all(not row[0] for row in rows):
        rows, styles = [row[1:] for row in rows], [style[1:] for style in styles]
    return Block(title, rows=rows, styles=styles)


def _with_data(block: Block, found: Comparison, terminal: Terminal) -> Block:
    """Return the block of the data, with its inputs in words, what changed in them, and rows where none should be."""
    changes = data_changes(found.a.data, found.b.data)
    told = [Difference(change_label(c), c.change, _in_words(c.a), _in_words(c.b)) for c in changes]
    lines = [line for change in changes for line in change_lines(change)]
    shared = {letter: set(shared_rows(run.data)) for letter, run in (("a", found.a), ("b", found.b))}
    lines += sorted(
        f"{letter}: {shared_line(s)}" for letter, own in shared.items() for s in own - (shared["a"] & shared["b"])
    )
    return replace(value_table(block.title, told, terminal), lines=lines)


def _in_words(entry: object) -> object:
    return data_text(entry) if is_fingerprint(entry) else entry


def _metrics(found: Comparison, terminal: Terminal) -> Block:
    rows: list[list[str]] = []
    styles: list[list[tuple[str, ...]]] = []
    for metric in found.changed_metrics:
        rows.append([_metric_name(metric), _number(metric.a), _number(metric.b), _delta(metric), _verdict(metric)])
        style = (_STYLES[metric.verdict],) if metric.verdict in _STYLES else ()
        styles.append([(), (), (), style, style])
    equal = len(found.metrics) - len(rows)
    lines = [f"{plural(equal, 'metric')} equal"] if equal and rows else []
    ids = [f"{letter} {run.id[:SHORT]}" for letter, run in (("a", found.a), ("b", found.b))]
    head = ("metric", *ids, "delta", "")
    return Block("Metrics", head, rows, styles, [terminal.style(line, "dim") for line in lines])


def _code(found: Comparison, code: Excerpt, terminal: Terminal) -> Block:
    block = value_table("Code", _commits(found) + [_as_typed(fact) for fact in found.code.facts], terminal)
    lines = [clean(remark) for remark in code.change.remarks]
    if code.change.compared and code.change.files:
        lines += [counts(code.change), *(f"  {line}" for line in file_lines(code.change.files, terminal))]
    elif code.change.compared and block.rows:
        lines.append("the same code ran")
    more = [f"... gtrack diff {found.a.id[:SHORT]} {found.b.id[:SHORT]} --code shows all of it"] if code.more else []
    return replace(block, lines=lines, diff=[*code.lines, *more])


def _commits(found: Comparison) -> list[Difference]:
    """Return the commits where they differ, marked as git describe does where there were uncommitted changes."""

    def text(code: Mapping[str, object]) -> str | None:
        commit = code.get("commit")
        return None if not isinstance(commit, str) else commit[:12] + ("-dirty" if code.get("dirty") is True else "")

    one, other = text(found.code.a), text(found.code.b)
    if one == other:
        return []
    return [Difference("commit", "added" if one is None else "removed" if other is None else "changed", one, other)]


def _as_typed(fact: Difference) -> Difference:
    """Return a command as it would be typed."""

    def typed(value: object) -> object:
        return shlex.join(map(str, value)) if isinstance(value, list) else value

    return replace(fact, a=typed(fact.a), b=typed(fact.b)) if fact.key == "command" else fact


def _table(block: Block, terminal: Terminal) -> list[str]:
    """Return a block's table; what is too long for a column has lines of its own, one below the other."""
    free = replace(terminal, width=None)
    if block.head:
        heads = [Heading(text, right=0 < at < 4) for at, text in enumerate(block.head)]
        return render_table(heads, block.rows, free, block.styles)[0]
    fitting = [at for at, row in enumerate(block.rows) if max(map(len, row)) <= _WIDEST]
    rows, styles = [block.rows[at] for at in fitting], [block.styles[at] for at in fitting]
    lines = render_table([Heading("")] * len(rows[0]), rows, free, styles)[0][1:] if rows else []
    for row in (row for at, row in enumerate(block.rows) if at not in fitting):
        *_, key, one, _, other = row
        lines.append(key)
        lines += [terminal.style(f"  - {one}", "red")] if one else []
        lines += [terminal.style(f"  + {other}", "green")] if other else []
    return lines


def _told(part: str, found: Comparison, code: Excerpt | None) -> str:
    """Return what differs in a part in a few words; empty where nothing does."""
    if part == "metrics":
        changed = found.changed_metrics
        verdicts = [f"{n} {v}" for v in ("better", "worse") if (n := sum(m.verdict == v for m in changed))]
        return plural(len(changed), "metric") + (f" ({', '.join(verdicts)})" if verdicts else "") if changed else ""
    if part == "code":
        if code is not None and code.change.compared:
            files = plural(len(code.change.files), "file")
            return f"code ({files}, +{code.change.added} -{code.change.removed})" if code.change.files else ""
        return "code" if found.code.same is False else ""
    changes = parts_of(found)[part]
    if part == "run":
        return ", ".join(name for name in ("status", "error") if any(c.key.startswith(name) for c in changes))
    if not changes or part not in _NOUNS:
        return part if changes else ""
    names = [clean(change.key) for change in changes]
    return plural(len(changes), _NOUNS[part]) + (f" ({', '.join(names)})" if len(names) <= _MOST_NAMED else "")


def _is_recorded(part: str, found: Comparison) -> bool:
    return found.code.same is not None if part == "code" else bool(getattr(found.a, part))


def _metric_name(metric: MetricDifference) -> str:
    return clean(metric.key) + ("" if metric.shown == "last" else f" ({metric.shown})")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _delta(metric: MetricDifference) -> str:
    if metric.delta is None:
        return ""
    share = "" if metric.relative is None else f" ({metric.relative:+.2%})"
    return f"{metric.delta:+.4g}{share}"


def _verdict(metric: MetricDifference) -> str:
    if metric.delta is None:
        return f"only in {'b' if metric.a is None else 'a'}"
    if metric.verdict not in ("better", "worse"):
        return ""
    told = "" if metric.goal is None or metric.goal.declared else f", as {describe_goal(metric.goal)}"
    return f"{metric.verdict}{told}"
