"""What a block comes to, as HTML without script or style. Every text in it is escaped here, whatever it was."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gtrack.ids import SHORT
from gtrack.plot.charts import Chart
from gtrack.report.blocks import Block
from gtrack.report.problems import Problem
from gtrack.report.results import Cell, Charts, Fact, Grid, Heading, Result, RunCard, Section, shortened
from gtrack.report.svg import chart_svg, key_svg

__all__ = ["Colours", "block_html"]

_LONG = 40
"""From so many characters on a cell's text is broken into lines."""


class Colours:
    """The number by which a run has its colour: the same in all of a page."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, charts: Charts) -> dict[str, int]:
        """Return the numbers of the runs of some charts; new ones get the next."""
        for chart in charts.charts:
            for one in chart.series:
                self._numbers.setdefault(one.run, len(self._numbers))
        return self._numbers


def block_html(block: Block, result: Result | Problem, colours: Colours) -> str:
    """Return a block's answer as HTML.

    Args:
        block: The block, whose text is shown where it is wrong.
        result: What it comes to.
        colours: The colours of the page's runs.
    """
    if isinstance(result, Problem):
        return problem_html(result, block.source)
    if isinstance(result, Grid):
        return _block("table", _grid(result) + _remarks(result.remarks))
    if isinstance(result, Charts):
        return _charts(result, colours.of(result))
    return _card(result)


def problem_html(problem: Problem, source: str = "") -> str:
    """Return what is wrong, in the place where something else should be."""
    first, _, rest = problem.message.partition("\n")
    said = f"<p><strong>{escape(f'{problem.path}:{problem.line}')}</strong> {escape(first)}</p>"
    said += f"<pre>{escape(rest)}</pre>" if rest else ""
    said += f"<p>hint: {escape(problem.hint)}</p>" if problem.hint else ""
    said += f"<details><summary>the block</summary><pre>{escape(source)}</pre></details>" if source.strip() else ""
    return f'<div class="problem" role="note">{said}</div>\n'


def _block(kind: str, inside: str) -> str:
    return f'<div class="block {kind}">{inside}</div>\n'


def _lead(text: str) -> str:
    return f'<p class="lead">{escape(text)}</p>' if text else ""


def _remarks(remarks: Iterable[str]) -> str:
    return "".join(f'<p class="remark">{escape(remark)}</p>' for remark in remarks)


def _grid(grid: Grid) -> str:
    head = "".join(f'<th scope="col"{_aligned(heading)}>{escape(heading.text)}</th>' for heading in grid.headings)
    rows = []
    for number, row in enumerate(grid.rows):
        pairs = enumerate(zip(row, grid.headings, strict=True))
        cells = (_cell(cell, heading, first=at == 0) for at, (cell, heading) in pairs)
        marked = ' class="baseline"' if number == grid.baseline else ""
        rows.append(f"<tr{marked}>{''.join(cells)}</tr>")
    title = escape(grid.title)
    # What is seen stands above what scrolls sideways; what is heard belongs to the table.
    return (
        f'<p class="caption" aria-hidden="true">{title}</p>{_lead(grid.lead)}'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table><caption>{title}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _aligned(heading: Heading, tone: str = "", *, long: bool = False) -> str:
    classes = [*(["number"] if heading.right else ["long"] if long else []), *([tone] if tone else [])]
    return f' class="{" ".join(classes)}"' if classes else ""


def _cell(cell: Cell, heading: Heading, *, first: bool) -> str:
    tag, scope = ("th", ' scope="row"') if first else ("td", "")
    shape = _aligned(heading, cell.tone, long=len(cell.text) > _LONG)
    return f"<{tag}{scope}{shape}>{_linked(cell.text, cell.link)}</{tag}>"


def _linked(text: str, link: str) -> str:
    return f'<a href="{escape(link)}">{escape(text)}</a>' if link else escape(text)


def _charts(charts: Charts, numbers: dict[str, int]) -> str:
    panels = "".join(_panel(chart, numbers, log=charts.log) for chart in charts.charts)
    labels = {one.run: one.label for chart in charts.charts for one in chart.series}
    legend = "".join(f"<li>{key_svg(numbers[run])} {escape(label)}</li>" for run, label in labels.items())
    caption = f"<figcaption>{escape(charts.title)}</figcaption>" if charts.title else ""
    values = f"<details><summary>Values</summary>{_grid(charts.values)}</details>" if charts.values.rows else ""
    return (
        f'<figure class="block charts">{caption}{panels}'
        + (f'<ul class="legend">{legend}</ul>' if legend else "")
        + f"{values}{_remarks(charts.remarks)}</figure>\n"
    )


def _panel(chart: Chart, numbers: dict[str, int], *, log: bool) -> str:
    goal, facts = chart.goal, []
    if goal is not None:
        facts.append(f"goal: {goal.direction}" + ("" if goal.declared else ", by its name"))
    facts += [f"smoothed {chart.weight:g}"] if chart.weight else []
    facts += ["logarithmic"] if log else []
    facts += ["mean over ranks"] if any(one.low is not None for one in chart.series) else []
    note = f" <small>{escape('; '.join(facts))}</small>" if facts else ""
    return f'<p class="metric">{escape(shortened(chart.metric))}{note}</p>{chart_svg(chart, numbers, log=log)}'


def _card(card: RunCard) -> str:
    head = (
        f'<p class="run"><strong>{escape(card.name)}</strong> <code>{escape(card.id[:SHORT])}</code> '
        f'<span class="badge {card.tone}">{escape(card.status)}</span></p>'
    )
    facts = "".join(f"<div><dt>{escape(fact.name)}</dt><dd>{_fact(fact)}</dd></div>" for fact in card.facts)
    sections = "".join(map(_section, card.sections))
    title = f'<p class="caption">{escape(card.title)}</p>' if card.title else ""
    return (
        f'<section class="block card" aria-label="{escape(f"Run {card.name}")}">{title}{head}'
        f'<dl class="facts">{facts}</dl><div class="sections">{sections}</div></section>\n'
    )


def _fact(fact: Fact) -> str:
    return _linked(fact.text, fact.link)


def _pair(fact: Fact) -> str:
    return f'<tr><th scope="row">{escape(fact.name)}</th><td>{_fact(fact)}</td></tr>'


def _section(section: Section) -> str:
    inside = ""
    if section.facts:
        rows = "".join(map(_pair, section.facts))
        title = escape(section.title)
        inside += f'<p class="caption" aria-hidden="true">{title}</p>'
        inside += f'<table class="pairs"><caption>{title}</caption><tbody>{rows}</tbody></table>'
    if section.grid is not None:
        inside += _grid(section.grid)
    if section.text:
        named = "" if inside else f'<p class="caption">{escape(section.title)}</p>'
        inside += f"{named}<pre>{escape(section.text)}</pre>"
    inside += _remarks([section.note] if section.note else [])
    return f'<div class="{"wide" if section.grid or section.text else "section"}">{inside}</div>'
