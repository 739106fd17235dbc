"""What the page of runs shows, in the command line and in Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gtrack._app.asking import Asked, python_filter, shell_options
from gtrack._app.screens.runs.grouped import Grouped
from gtrack._app.screens.runs.rows import PAGE
from gtrack._app.shell_word import shell_word
from gtrack.index.fields import Field

__all__ = ["code_of_groups", "code_of_runs"]

_SHOWN = 20
"""So many rows ``gtrack ls`` prints unless it is told."""
_FACTS = frozenset(
    "id name experiment status started ended duration parent group author commit snapshot branch dirty".split()
)
"""The attributes that are columns of the table of runs; see :meth:`gtrack.Runs.to_arrow`."""


def code_of_runs(asked: Asked, sort: str, columns: Sequence[str]) -> tuple[str, str]:
    """Return the command and the program that list the runs.

    Args:
        asked: Which runs.
        sort: What to sort by.
        columns: The columns that were chosen.
    """
    shown = f"--columns {shell_word(','.join(columns))}" if columns else ""
    arguments = [python_filter(asked), f"order_by={sort!r}" if sort else "", f"max_results={PAGE}"]
    python = f"import gtrack\n\nruns = gtrack.search_runs({_joined(arguments, ', ')})\nruns.to_pandas()"
    return _joined(["gtrack ls", shell_options(asked), _sorted(sort), shown]), python


def code_of_groups(asked: Asked, group: str, found: Grouped) -> tuple[str, str]:
    """Return the command and the program that list the groups of the runs.

    Args:
        asked: Which runs.
        group: What they are grouped by, as the command says it.
        found: The groups.
    """
    sort = "".join(f"{'-' if one.descending else ''}{one.field}" for one in found.order[:1])
    words = ["gtrack ls", shell_options(asked), _sorted(sort), f"--group-by {shell_word(group)}"]
    if any(found.metrics.values()):
        words.append("--agg mean,std,best")
    if len(found.groups) > _SHOWN:
        words.append("--all")
    return _joined(words), _python(asked, found)


def _python(asked: Asked, found: Grouped) -> str:
    """Return a program that groups the table of the runs: gtrack itself groups in the command line."""
    names = [_column(field) for field in found.by]
    if None in names:
        return "# the table of search_runs() has no such column: group in the command line"
    lines = ["import gtrack", "", f"runs = gtrack.search_runs({python_filter(asked)})", "table = runs.to_pandas()"]
    lines += _best_values(found)
    metrics = [f"metrics.{key}" for key in found.metrics]
    groups = f"table.groupby({names!r}, dropna=False)" if names else "table"
    if metrics:
        lines.append(f"{groups}[{metrics!r}].agg(['mean', 'std', 'count']){_ordered(found)}")
    else:
        lines.append(f"{groups}.size(){_ordered(found)}" if names else "len(table)")
    return "\n".join(lines)


def _best_values(found: Grouped) -> Iterator[str]:
    """Yield what puts the best values in the place of the last ones, where a goal was declared."""
    for key, goal in found.metrics.items():
        if goal is None or not goal.declared or all(group.metrics[key].mean is None for group in found.groups):
            continue
        yield f"best = [run.summary.get({key!r}) for run in runs]  # by its goal, which was declared"
        yield f"table[{f'metrics.{key}'!r}] = [s.{goal.direction} if s else None for s in best]"


def _ordered(found: Grouped) -> str:
    for one in found.order[:1]:
        if one.field in found.by:
            return f".sort_index(level={_column(one.field)!r}, ascending={not one.descending})"
        return f".sort_values(({f'metrics.{one.field.key}'!r}, 'mean'), ascending={not one.descending})"
    return ""


def _column(field: Field) -> str | None:
    """Return the column that a field is in the table of runs; None for what is none."""
    if field.scope == "attributes":
        return field.key if field.key in _FACTS else None
    keyed = field.scope in ("params", "tags", "metrics") and field.aggregate == "last"
    return f"{field.scope}.{field.key}" if keyed else None


def _sorted(sort: str) -> str:
    return f"--sort {shell_word(sort)}" if sort else ""


def _joined(parts: Iterable[str], by: str = " ") -> str:
    return by.join(filter(None, parts))
