"""The part of the page that shows images of runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from gtrack._app.differing.grid import heads_of
from gtrack._app.link import Link
from gtrack._app.parts import empty_state, remark
from gtrack._app.reading import Reading, kept
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.compare.images import LARGEST, Gallery, at_step, gallery_of, shown_image
from gtrack._app.screens.compare.runs import Compared
from gtrack.display.words import plural, size
from gtrack.errors import GtrackError
from gtrack.model.artifact import Artifact
from gtrack.reader import Repo

__all__ = ["show_images"]

_WIDTH = 300
_LOG = ('run.log_image(batch[0], "samples", step=step, caption="the first of the batch")',)
_SAID = "compare.images"


def show_images(now: Reading, link: Link, runs: Compared) -> None:
    """Show the images of one key, a column for each run, and a slider for the step."""
    ids = tuple(run.id for run in runs.runs)
    gallery = now.kept("compare.gallery", ids, lambda: _gallery(now.repo, ids))
    if not gallery.shelves:
        empty_state(
            "No images", "None of these runs has an image. A training script logs one with:", _LOG, language="python"
        )
        return
    key, step = _choose(link, gallery)
    shelves = gallery.shelves[key]
    found = {run_id: at_step(shelves[run_id], step) if run_id in shelves else (None, ()) for run_id in ids}
    missing = _absent(now, [artifact for _, some in found.values() for artifact in some])
    if missing:
        _offer(now, missing)
    away = {artifact.digest for artifact in missing}
    with st.container(horizontal=True, gap="medium"):
        for run_id, head in zip(ids, heads_of(runs.runs, runs.reference.id), strict=True):
            at, some = found[run_id]
            with st.container(width=_WIDTH, gap="xsmall"):
                st.markdown(f"**{markdown(head, 120)}**")
                _column(now.repo, at, some, away)
    if said := st.session_state.pop(_SAID, ""):
        remark(said)


def _gallery(repo: Repo, ids: Sequence[str]) -> Gallery:
    return gallery_of((run_id, repo.run(f"run:{run_id}").artifacts().values()) for run_id in ids)


def _choose(link: Link, gallery: Gallery) -> tuple[str, int | None]:
    """Show what chooses the key and the step."""
    keys = gallery.keys
    if link["image"] not in keys:
        link.put(image="")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Images",
            ["", *keys[1:]],
            format_func=lambda key: _key_label(gallery, key or keys[0]),
            width=320,
            **link.widget("image"),
        )
        key = link["image"] or keys[0]
        steps = gallery.steps(key)
        if len(steps) < 2:
            return key, steps[0] if steps else None
        wanted = link["step"]
        if wanted not in steps:
            earlier = [step for step in steps if step <= wanted]
            link.put(step=earlier[-1] if earlier and wanted >= 0 else steps[-1])
        st.select_slider("Step", steps, format_func=lambda step: f"{step:,}", width=420, **link.widget("step"))
        return key, int(link["step"])


def _key_label(gallery: Gallery, key: str) -> str:
    return f"{cell(key, 60)} ({len(gallery.shelves[key])} of {gallery.runs} runs)"


def _absent(now: Reading, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return the images whose content is not here; what git has here is unpacked, and nobody is asked."""
    from gtrack.ops.artifact_content import wanted_by
    from gtrack.ops.objects import bring

    small = [artifact for artifact in artifacts if artifact.size <= LARGEST]
    missing = bring(now.repo.repository, wanted_by(small), offline=True).missing
    return [artifact for artifact in small if artifact.spooled is None and artifact.object in missing]


def _offer(now: Reading, missing: Sequence[Artifact]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        text = f"{plural(len(missing), 'image')} of {size(sum(one.size for one in missing))} "
        st.caption(text + ("is not here." if len(missing) == 1 else "are not here."), width="content")
        path = now.repo.root or now.repo.git_dir
        st.button(
            "Fetch",
            icon=":material/download:",
            help="From the store or the git remote; it may take a while",
            on_click=_fetch,
            args=(path, tuple(missing)),
        )


def _fetch(path: str, missing: Sequence[Artifact]) -> None:
    from gtrack.ops.artifact_content import wanted_by
    from gtrack.ops.objects import bring

    try:
        with Repo(path) as repo:
            done = bring(repo.repository, wanted_by(missing))
    except (GtrackError, OSError) as error:
        st.session_state[_SAID] = f"The images could not be fetched: {error}"
        return
    if done.missing:
        st.session_state[_SAID] = (
            f"{plural(len(done.missing), 'image')} could not be fetched: {next(iter(done.missing.values()))}"
        )


def _column(repo: Repo, at: int | None, some: Sequence[Artifact], away: set[str]) -> None:
    st.caption(f"step {at:,}" if at is not None else "" if some else "no image")
    for artifact in some:
        if artifact.digest in away:
            st.caption(f":material/cloud_off: {markdown(artifact.path, 80)}")
            continue
        trouble, data = _content(repo, artifact)
        if trouble:
            st.caption(f":material/broken_image: {markdown(trouble, 200)}")
            continue
        caption = artifact.media.get("caption")
        text = markdown(caption, 300) if isinstance(caption, str) and caption else None
        try:
            st.image(data, caption=text, width="stretch", alt=cell(caption or artifact.path, 120))
        except Exception:  # what Pillow raises of a damaged image is of any kind
            st.caption(f":material/broken_image: {markdown(artifact.path, 80)} cannot be decoded")


def _content(repo: Repo, artifact: Artifact) -> tuple[str, bytes]:
    """Return why an image is not shown, or its content."""
    if artifact.size > LARGEST:
        return f"{artifact.path}: {size(artifact.size)} is too large to be shown", b""

    def read() -> tuple[str, bytes]:
        from gtrack.ops.artifacts import read_artifact

        data = read_artifact(repo.repository, artifact)
        why = shown_image(data)
        return (f"{artifact.path}: {why}", b"") if why else ("", data)

    with suppress(OSError):
        try:
            return kept((repo.common_dir, "compare.image", artifact.digest), read)
        except GtrackError as error:
            return str(error), b""
    return f"{artifact.path} cannot be read", b""
