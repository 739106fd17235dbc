"""The tab of artifacts: media by key with a slider over their steps, and all files as folders with a view of each."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import streamlit as st

from gtrack._app.link import Link
from gtrack._app.parts import empty_state, remark
from gtrack._app.reading import kept
from gtrack._app.safe import cell, markdown
from gtrack._app.screens.run.fetching import fetch
from gtrack._app.screens.run.folders import browse
from gtrack._app.screens.run.media import media_of, show_media
from gtrack._app.screens.run.preview import preview
from gtrack._app.screens.run.subject import Subject
from gtrack.display.words import instant, plural, size
from gtrack.model.artifact import Artifact
from gtrack.ops.artifact_places import HERE

__all__ = ["artifacts_tab", "places_of"]

_DOWNLOAD = 256 << 20
_WHERE = {"here": "here", "git": "at the remote", "store": "in the store", "pending": "where it was logged"}


def artifacts_tab(subject: Subject) -> None:
    """Show the tab."""
    mark = subject.now.mark if subject.run.state.live else ""
    found = kept((*subject.version, mark, "artifacts"), subject.run.artifacts)
    if not found:
        commands = [
            'run.log_artifact("model.pkl")            # a file or a folder',
            'run.log_image(pixels, "samples", step)   # also log_table, log_histogram, log_audio, log_figure',
        ]
        empty_state("No artifacts", "Files, models and media that a run logs appear here.", commands, language="python")
        return
    where = places_of(subject, list(found.values()))
    media = media_of(found.values())
    if media:
        show_media(subject, media, where)
    st.subheader("Files", anchor=False)
    total = sum(each.size for each in found.values())
    st.caption(f"{plural(len(found), 'artifact')}, {size(total)}")
    browse(
        subject.link,
        [(path, each.size) for path, each in found.items()],
        folder="folder",
        file="file",
        more={"type": lambda path: found[path].type, "where": lambda path: _WHERE[where[found[path].object]]},
        noun="artifact",
    )
    _chosen(subject, found, where)


def places_of(subject: Subject, artifacts: Sequence[Artifact]) -> Mapping[str, str]:
    """Return where the content of artifacts is, by the digest of the object that holds each."""
    from gtrack.ops.artifact_places import Places

    places = Places(subject.now.repo.repository, artifacts)
    return {each.object: places.of(each) for each in artifacts}


def _chosen(subject: Subject, found: Mapping[str, Artifact], where: Mapping[str, str]) -> None:
    """Show the file that was chosen."""
    path = subject.link["file"]
    if not path:
        return
    artifact = found.get(path)
    with st.container(border=True):
        if artifact is None:
            remark(f"This run has no artifact {cell(path, 200)}.")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{markdown(path)}**", width="stretch")
            if where[artifact.object] == HERE:
                _download(subject, artifact)
            st.button("Close", type="tertiary", on_click=_close, args=(subject.link,), key="run.file.close")
        facts = [size(artifact.size), artifact.type, f"sha256 {artifact.digest[:12]}", instant(artifact.time)]
        st.caption(" · ".join(markdown(fact) for fact in facts if fact))
        if where[artifact.object] != HERE:
            fetch(subject, artifact, _WHERE[where[artifact.object]], key="run.file.fetch")
            return
        preview(subject, artifact, key=f"run.file.{artifact.digest[:12]}")


def _close(link: Link) -> None:
    link.put(file="")


def _download(subject: Subject, artifact: Artifact) -> None:
    if artifact.size > _DOWNLOAD:
        st.code(f"gtrack artifact get {subject.short}/{shlex.quote(artifact.path)}", language="bash")
        return
    path, run_id, name = subject.path, subject.id, artifact.path

    def data() -> bytes:
        from gtrack.reader import Repo

        with Repo(path) as repo:
            return repo.run(f"run:{run_id}").read_artifact(name)

    st.download_button(
        "Download",
        data,
        cell(name.rpartition("/")[2], 120),
        # Never the type that the run gave it: a browser might show it as a page of this site.
        "application/octet-stream",
        on_click="ignore",
        icon=":material/download:",
        key="run.file.download",
    )
