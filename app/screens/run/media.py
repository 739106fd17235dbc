"""Media of a run by key: pictures, tables, sounds, figures and histograms, with a slider over their steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from gtrack._app.charts.distributions import distribution_figure
from gtrack._app.grids import figure_table
from gtrack._app.panels import panels
from gtrack._app.parts import problem, remark
from gtrack._app.reading import kept
from gtrack._app.safe import cell
from gtrack._app.screens.run.fetching import fetch
from gtrack._app.screens.run.preview import content, preview
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import plural, size
from gtrack.errors import DamageError, GtrackError
from gtrack.media.histograms import Histogram, read_histogram
from gtrack.model.artifact import Artifact
from gtrack.ops.artifact_places import HERE

__all__ = ["Media", "media_of", "show_media", "step_at"]

_AT_ONCE = 12
_MOST_HISTOGRAMS = 500
_KINDS = ("image", "figure", "table", "histogram", "audio")


@dataclass(frozen=True, slots=True)
class Media:
    """The media of one kind under one key.

    Attributes:
        kind: ``image``, ``figure``, ``table``, ``histogram`` or ``audio``.
        key: What they are called.
        items: They, by step and time.
    """

    kind: str
    key: str
    items: tuple[Artifact, ...]

    @property
    def name(self) -> str:
        """What the address calls them."""
        return f"{self.kind}:{self.key}"

    @property
    def steps(self) -> list[int]:
        """Their steps, each once; those without one are of none."""
        return sorted({item.step for item in self.items if item.step is not None})

    def at(self, step: int | None) -> list[Artifact]:
        """Return those of a step; those without a step for None."""
        return [item for item in self.items if item.step == step]


def media_of(artifacts: Iterable[Artifact]) -> list[Media]:
    """Return the media among artifacts, by kind and key; files without a key are none."""
    groups: dict[tuple[str, str], list[Artifact]] = {}
    for each in artifacts:
        kind = each.media.get("kind")
        if each.key is not None and isinstance(kind, str) and kind in _KINDS:
            groups.setdefault((kind, each.key), []).append(each)
    return [
        Media(
            kind, key, tuple(sorted(items, key=lambda one: (one.step is not None, one.step or 0, one.time, one.path)))
        )
        for (kind, key), items in sorted(groups.items(), key=lambda pair: (_KINDS.index(pair[0][0]), pair[0][1]))
    ]


def step_at(steps: Sequence[int], wanted: str) -> int | None:
    """Return the step to show: the one that is asked for, else the nearest before it, else the last.

    Example:
        >>> step_at([0, 10, 20], "15"), step_at([0, 10, 20], "")
        (10, 20)
    """
    if not steps:
        return None
    try:
        number = int(wanted)
    except ValueError:
        return steps[-1]
    return max((step for step in steps if step <= number), default=steps[0])


def show_media(subject: Subject, media: Sequence[Media], where: Mapping[str, str]) -> None:
    """Show the media of the key that is chosen."""
    link = subject.link
    by_name = {one.name: one for one in media}
    st.subheader("Media", anchor=False)
    chosen = by_name.get(link["media"]) or media[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["run.media"] = chosen.name
        st.selectbox(
            "Key",
            list(by_name),
            format_func=lambda name: _label(by_name.get(name), name),
            key="run.media",
            on_change=lambda: link.put(media=st.session_state["run.media"]),
            width=360,
        )
        if chosen.kind == "histogram":
            st.toggle("As ridges", **link.widget("ridges"))
        else:
            _slider(subject, chosen)
    if chosen.kind == "histogram":
        _histograms(subject, chosen, where)
        return
    shown = chosen.at(step_at(chosen.steps, link["step"])) if chosen.steps else list(chosen.items)
    _items(subject, shown, where, few=chosen.kind != "image")


def _label(media: Media | None, name: str) -> str:
    if media is None:
        return cell(name, 80)
    steps = len(media.steps)
    return f"{media.kind} · {cell(media.key, 80)}" + (f" · {plural(steps, 'step')}" if steps > 1 else "")


def _slider(subject: Subject, media: Media) -> None:
    steps = media.steps
    if len(steps) < 2:
        return
    key = f"run.step.{media.name}"
    st.session_state[key] = step_at(steps, subject.link["step"])
    st.select_slider(
        "Step",
        steps,
        key=key,
        on_change=lambda: subject.link.put(step=str(st.session_state[key])),
        width="stretch",
    )


def _items(subject: Subject, items: Sequence[Artifact], where: Mapping[str, str], *, few: bool) -> None:
    with st.container(horizontal=not few, vertical_alignment="top"):
        for number, item in enumerate(items[:_AT_ONCE]):
            with st.container(width="stretch" if few else "content"):
                if where[item.object] != HERE:
                    fetch(subject, item, "elsewhere", key=f"run.media.fetch.{number}")
                else:
                    preview(subject, item, key=f"run.media.{item.digest[:12]}.{number}")
                rank = item.media.get("rank")
                facts = [f"rank {rank}" if isinstance(rank, int) else "", size(item.size)]
                st.caption(" · ".join(filter(None, facts)))
    if len(items) > _AT_ONCE:
        remark(f"{len(items) - _AT_ONCE:,} more of this step are among the files below.")


def _histograms(subject: Subject, media: Media, where: Mapping[str, str]) -> None:
    link = subject.link
    here = [item for item in media.items if where[item.object] == HERE]
    kept_back = len(media.items) - len(here)
    every = max(1, -(-len(here) // _MOST_HISTOGRAMS))
    read = here[::every]
    key = (subject.now.repo.common_dir, "histograms", *(item.digest for item in read))
    try:
        found = kept(key, lambda: [(item.step or 0, _read(subject, item)) for item in read])
    except (GtrackError, OSError) as error:
        problem(error if isinstance(error, GtrackError) else str(error))
        return
    (run,) = subject.drawn()
    figure = distribution_figure(found, media.key, run, kind="ridgeline" if link["ridges"] else "heatmap")
    if link["plain"]:
        figure_table(figure)
    else:
        panels([figure], key="run.histograms", columns=1, height=420)
    if kept_back:
        remark(f"{plural(kept_back, 'step')} are not in this clone: gtrack artifact get fetches them.")


def _read(subject: Subject, item: Artifact) -> Histogram:
    try:
        return read_histogram(content(subject, item))
    except DamageError as error:
        raise DamageError(f"{cell(item.path, 120)}: {error.message}") from error
