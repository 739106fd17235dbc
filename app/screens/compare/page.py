"""The page that compares runs: what differs, their code, curves and images, and where they lie among others."""

from __future__ import annotations

import streamlit as st

from gtrack._app.asking import Asked, ask, filter_bar, overview
from gtrack._app.charts.colours import Ink, inks
from gtrack._app.header import header
from gtrack._app.link import Link, Setting, saved_settings
from gtrack._app.parts import empty_state, problem, remark
from gtrack._app.reading import Reading, reading
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.compare.charts import show_charts
from gtrack._app.screens.compare.code import show_code
from gtrack._app.screens.compare.differences import show_differences
from gtrack._app.screens.compare.explore import SCOPES, show_matrix, show_parallel
from gtrack._app.screens.compare.media import show_images
from gtrack._app.screens.compare.runs import BASELINE, MOST, Compared, compared
from gtrack.errors import GtrackError
from gtrack.ids import SHORT, is_run_id
from gtrack.index.fields import Field
from gtrack.index.query import Query

__all__ = ["page"]

DEFAULTS: dict[str, Setting] = {
    "part": "differences",
    "reference": "",
    "every": False,
    "find": "",
    "by": "run",
    "other": "",
    "metrics": (),
    "x": "step",
    "smoothing": 0.0,
    "log": False,
    "zoom": (),
    "scope": SCOPES[0],
    "axes": (),
    "columns": (),
    "colour": "",
    "brush": {},
    "picked": (),
    "image": "",
    "step": -1,
}
_PARTS = {
    "differences": "Differences",
    "code": "Code",
    "charts": "Charts",
    "parallel": "Parallel coordinates",
    "matrix": "Scatter matrix",
    "images": "Images",
}
_EXPLORING = ("parallel", "matrix")
_TICK = 2.0
_MOST_OFFERED = 300
_WELCOME = (
    "gtrack diff last~1 last          # the last two runs",
    "gtrack diff last                 # the last one, with its experiment's baseline or the run before",
    "gtrack diff main..feature        # the best runs of two branches",
)


def page(now: Reading) -> None:
    """Show the comparison of the selected runs."""
    saved, trouble = saved_settings(now.repo, "compare")
    link = Link("compare", DEFAULTS, saved)
    if link["part"] not in _PARTS:
        link.put(part="differences")
    if link["scope"] not in SCOPES:
        link.put(scope=SCOPES[0])
    runs = compared(now, link["runs"], link["reference"])
    _settle(link, runs)
    header(now, "Compare", link, *_code(link, runs))
    if trouble:
        problem(trouble)
    if not overview(now).total:
        empty_state("No runs yet", "Record two in this repository, and this page tells what differs.", _WELCOME)
        return
    above = st.container()
    with st.expander("Filter the runs to choose from", icon=":material/filter_list:"):
        asked = filter_bar(now, link)
    with above:
        _chooser(now, link, runs, asked)
    for text in runs.problems:
        remark(text)
    st.segmented_control(
        "Part",
        list(_PARTS),
        format_func=_PARTS.__getitem__,
        required=True,
        label_visibility="collapsed",
        **link.widget("part"),
    )
    if runs.live:
        st.fragment(_part, run_every=_TICK)(link)  # live runs move
    else:
        _part_of(now, link, runs)


def _settle(link: Link, runs: Compared) -> None:
    """Name runs in the address by their ids, however they were named: last is another run tomorrow."""
    if runs.chosen and tuple(link["runs"][: len(runs.chosen)]) != runs.chosen and len(link["runs"]) <= MOST:
        link.put(runs=runs.chosen)


def _code(link: Link, runs: Compared) -> tuple[str, str]:
    """Return the same in the command line and in Python."""
    ids = [run.id[:SHORT] for run in runs.runs]
    if len(ids) < 2:
        return "gtrack diff last~1 last", _python(["last~1", "last"])
    if link["part"] == "code":
        other = next((run for run in runs.others if run.id == link["other"]), runs.others[0])
        return f"gtrack diff {ids[0]} {other.id[:SHORT]} --code", _python(ids)
    cli = f"gtrack diff {' '.join(ids)}"
    if link["part"] == "charts":
        cli = f"gtrack plot {' '.join(ids)}"
    if link["part"] == "images":
        cli = "\n".join(f"gtrack artifact ls {run_id}" for run_id in ids)
    return cli, _python(ids)


def _python(ids: list[str]) -> str:
    return f"""import gtrack
from gtrack.display.goals import Goals
from gtrack.ops.compare import compare

with gtrack.Repo(".") as repo:
    first, *others = [repo.run(run).state for run in {ids!r}]
    goals = Goals(repo)
    for other in others:
        found = compare(first, other, lambda key: goals.among(key, [first, other]))
        print(other.name, found.to_dict())
"""


def _chooser(now: Reading, link: Link, runs: Compared, asked: Asked) -> None:
    """Show what chooses the runs, and which of them the others are compared with."""
    offered = now.kept("compare.offered", asked.key, lambda: _offered(now, asked))
    names = {**offered, **{run.id: run.name for run in runs.runs}}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Runs",
            list(dict.fromkeys([*link["runs"], *offered])),
            format_func=lambda run_id: _label(names, run_id),
            placeholder="Choose runs, or type an id, a name, or last~1",
            accept_new_options=True,
            wrap=True,
            width="stretch",
            **link.widget("runs"),
        )
        if len(runs.chosen) > 1:
            options = ["", *runs.chosen]
            if runs.baseline is not None and runs.baseline not in runs.chosen:
                options.append(BASELINE)
            if link["reference"] not in options:
                link.put(reference="")
            st.selectbox(
                "Compare with",
                options,
                format_func=lambda run_id: _reference_label(runs, names, run_id),
                width=300,
                **link.widget("reference"),
            )
    if len(runs.chosen) == 1 and runs.others:
        st.caption(f"Compared with {markdown(runs.what)}, {markdown(_label(names, runs.reference.id))}.")


def _offered(now: Reading, asked: Asked) -> dict[str, str]:
    """Return the newest runs of the filter, the name of each by its id."""
    lines = now.repo.facts(asked.query).lines(Field("attributes", "name"))[:_MOST_OFFERED]
    return {str(line[1]): str(line[2]) for line in lines}


def _label(names: dict[str, str], run_id: str) -> str:
    return f"{cell(names[run_id], 40)} · {run_id[:SHORT]}" if run_id in names else cell(run_id, 40)


def _reference_label(runs: Compared, names: dict[str, str], run_id: str) -> str:
    if run_id == BASELINE:
        return "The experiment's baseline"
    if run_id:
        return _label(names, run_id)
    return "The baseline" if runs.baseline in runs.chosen else "The first"


def _part(link: Link) -> None:
    """Show the part that is open; the others read nothing."""
    try:
        with reading() as now:
            runs = compared(now, link["runs"], link["reference"])
            _part_of(now, link, runs)
    except GtrackError as error:
        problem(error)


def _part_of(now: Reading, link: Link, runs: Compared) -> None:
    part = link["part"]
    if part in _EXPLORING and (runs.runs or link["scope"] == "filtered" or not link["runs"]):
        asked = _asked(link)
        (show_parallel if part == "parallel" else show_matrix)(now, link, runs, asked, _inks(runs))
    elif not runs.runs:
        _nothing(now, link)
    elif part == "code":
        show_code(now, link, runs)
    elif part == "charts":
        show_charts(now, link, runs, _inks(runs))
    elif part == "images":
        show_images(now, link, runs)
    else:
        show_differences(now, link, runs)


def _asked(link: Link) -> Asked:
    try:
        return ask(link)
    except GtrackError:
        return Asked(Query(), valid=False)  # said beside the filter


def _inks(runs: Compared) -> dict[str, Ink]:
    return inks(run.id for run in sorted(runs.runs, key=lambda run: (run.started or 0, run.id)))


def _nothing(now: Reading, link: Link) -> None:
    """Say how runs are chosen."""
    empty_state(
        "No runs selected",
        "Choose two or more above, or select them in the table of runs and press Compare. In a terminal:",
        _WELCOME,
    )
    newest = [run_id for run_id in _offered(now, _asked(link)) if is_run_id(run_id)][:2]
    if len(newest) == 2:
        st.button("Compare the last two", type="primary", on_click=lambda: link.put(runs=(newest[1], newest[0])))
