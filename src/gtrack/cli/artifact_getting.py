"""Many artifacts into a folder: what was written, and why the rest was not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gtrack.cli.artifact_selection import Chosen
from gtrack.cli.invocation import Invocation
from gtrack.cli.storing import ask_about_store, bar
from gtrack.errors import GtrackError
from gtrack.ids import SHORT

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.ops.artifact_content import Contents
    from gtrack.ops.artifact_files import TargetFolder

__all__ = ["Got", "get_artifacts"]


@dataclass(slots=True)
class Got:
    """What came of writing artifacts.

    Attributes:
        written: How many files were written.
        bytes: Their bytes.
        unchanged: How many were there already.
        failed: Those that were not written, each with the reason.
    """

    written: int = 0
    bytes: int = 0
    unchanged: int = 0
    failed: list[tuple[Chosen, GtrackError]] = field(default_factory=list)


def get_artifacts(
    invocation: Invocation, repo: Repository, chosen: Sequence[Chosen], folder: str, *, overwrite: bool
) -> Got:
    """Write artifacts to a folder; those of several runs each to the folder of its run in it.

    Args:
        invocation: The call.
        repo: The repository.
        chosen: The artifacts.
        folder: The folder.
        overwrite: Replace files of other content.
    """
    from gtrack.ops.artifact_content import Contents
    from gtrack.ops.artifact_files import TargetFolder

    ask_about_store(invocation, repo)
    contents = Contents(repo, interactive=invocation.interactive)
    contents.bring([each.artifact for each in chosen], bar(invocation))
    out = Got()
    by_run: dict[str, list[Chosen]] = {}
    for each in chosen:
        by_run.setdefault(each.run.id, []).append(each)
    for run_id, group in by_run.items():
        place = folder if len(by_run) == 1 else os.path.join(folder, run_id[:SHORT])
        with TargetFolder(place, overwrite=overwrite) as target:
            # Of a pack one after the other: it is opened once.
            for each in sorted(group, key=lambda each: (each.artifact.pack or "", each.artifact.offset)):
                _get(contents, target, each, out)
    return out


def _get(contents: Contents, target: TargetFolder, each: Chosen, out: Got) -> None:
    from gtrack.ops.artifact_files import Outcome

    try:
        outcome = target.put(each.artifact, partial(contents.chunks, each.artifact, each.run.state))
    except GtrackError as error:
        out.failed.append((each, error))
        return
    if outcome is Outcome.WRITTEN:
        out.written += 1
        out.bytes += each.artifact.size
    else:
        out.unchanged += 1
