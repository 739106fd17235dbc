"""``gtrack model get``, ``card``, ``provenance``, ``serve-info``: a version for other tools and other people."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import Command
from gtrack.cli.completing import complete_file
from gtrack.cli.invocation import Invocation
from gtrack.cli.model_options import version_argument
from gtrack.cli.output import Output
from gtrack.cli.storing import ask_about_store
from gtrack.display.cells import to_json
from gtrack.display.words import plural, size
from gtrack.errors import ConflictError, NotFoundError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.registered import Version
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["HANDING", "run_of"]

_CHUNK = 1 << 20
_CARD, _PROVENANCE = "MODEL_CARD.md", "provenance.json"

_file_option = click.option(
    "-o", "file", metavar="FILE", shell_complete=complete_file, help="Write to FILE instead of standard output."
)


@click.command(
    "get",
    cls=Command,
    examples=["gtrack model get models:/churn@champion out", "gtrack model get churn/3 out --overwrite"],
)
@version_argument
@click.argument("folder", metavar="DIR", shell_complete=complete_file)
@click.option("--overwrite", is_flag=True, help="Replace files of other content.")
@click.pass_obj
def _get(invocation: Invocation, *, version: str, folder: str, overwrite: bool) -> None:
    """Write the files of a version to a folder, fetched and verified, with a model card and its provenance.

    The SHA-256 of every file is compared with that of the version. MODEL_CARD.md is in the form of Hugging Face's
    cards, provenance.json an in-toto statement with SLSA's provenance. A file that is there with other content stays,
    unless it is told to be replaced. Nothing is loaded, so that no code of anybody runs.
    """
    from gtrack.model.artifact import Artifact
    from gtrack.ops.artifact_files import Outcome, TargetFolder
    from gtrack.ops.model_folders import model_folder
    from gtrack.ops.registry import resolve

    with invocation.repository() as repo:
        found = resolve(repo.repository, version).version
        ask_about_store(invocation, repo.repository)
        local = model_folder(repo.repository, f"{found.model}/~{found.uid}").path
        written = 0
        with TargetFolder(folder, overwrite=overwrite) as target:
            try:
                for file in found.files:
                    artifact = Artifact(file.path, file.size, file.sha256, "application/octet-stream", 0)
                    content = partial(_content, os.path.join(local, *file.path.split("/")))
                    written += target.put(artifact, content) is Outcome.WRITTEN
                beside = _papers(repo, found)
                for name, text in beside.items():
                    data = text.encode("utf-8", "backslashreplace")
                    artifact = Artifact(name, len(data), hashlib.sha256(data).hexdigest(), "text/plain", 0)
                    target.put(artifact, partial(list, [data]))
            except ConflictError as error:
                raise ConflictError(error.message, hint="--overwrite replaces it; or name another folder") from None
    files = f"{plural(len(found.files), 'file')} ({size(found.size)})"
    more = f", and {' and '.join(beside)}" if beside else ""
    done = "written to" if written else "there already in"
    invocation.notice(f"{clean(found.name)}: {files} verified and {done} {clean(folder)}{more}")


@click.command(
    "card",
    cls=Command,
    examples=["gtrack model card churn/3", "gtrack model card churn@champion --verify -o README.md"],
)
@version_argument
@click.option("--verify", "prove", is_flag=True, help="Prove the version first, and say in the card what came of it.")
@_file_option
@click.pass_obj
def _card(invocation: Invocation, *, version: str, prove: bool, file: str | None) -> None:
    """Print a model card in the form that Hugging Face's hub reads."""
    from gtrack.ops.provenance import model_card
    from gtrack.ops.registry import resolve
    from gtrack.ops.verify import verify

    with invocation.repository() as repo:
        found = resolve(repo.repository, version).version
        said = None
        if prove:
            proof = verify(repo, f"{found.model}/~{found.uid}")
            absent = f"; {plural(len(proof.absent), 'thing')} to be checked is not here" if proof.absent else ""
            count = plural(len(proof.broken), "place")
            said = f"nothing is broken{absent}" if proof.ok else f"the chain is broken in {count}"
        text = model_card(found, run_of(repo, found), verified=said)
    Output(None, file).write(text)


@click.command("provenance", cls=Command, examples=["gtrack model provenance churn/3 -o provenance.json"])
@version_argument
@_file_option
@click.pass_obj
def _provenance(invocation: Invocation, *, version: str, file: str | None) -> None:
    """Print how a version came about, as an in-toto statement with SLSA's provenance.

    Its subject is the files with their SHA-256; it names the code, the data, the params and the environment of the run.
    """
    from gtrack.ops.registry import resolve

    with invocation.repository() as repo:
        Output(None, file).write(_statement(repo, resolve(repo.repository, version).version))


@click.command(
    "serve-info",
    cls=Command,
    examples=["gtrack model serve-info churn@champion", "gtrack model serve-info churn/3 -o version.json"],
)
@version_argument
@_file_option
@click.pass_obj
def _serve_info(invocation: Invocation, *, version: str, file: str | None) -> None:
    """Print the JSON that an endpoint should expose of the version that it serves.

    Version, run, commit and digests: so that anybody can tell what is in service, and what to roll back to.
    """
    from gtrack.ops.provenance import serve_info
    from gtrack.ops.registry import resolve

    with invocation.repository() as repo:
        found = resolve(repo.repository, version).version
        Output(None, file).write(to_json(serve_info(found, run_of(repo, found)), indent=2) + "\n")


def run_of(repo: Repo, version: Version) -> RunState | None:
    """Return the run that made a version, whole; None where it is not here."""
    from gtrack.cli.selectors import whole_state

    if version.run is None:
        return None
    try:
        return whole_state(repo.run(f"run:{version.run}"))
    except NotFoundError:
        return None


def _statement(repo: Repo, version: Version) -> str:
    from gtrack import __version__
    from gtrack.ops.provenance import provenance

    return to_json(provenance(version, run_of(repo, version), tool=__version__), indent=2) + "\n"


def _papers(repo: Repo, version: Version) -> dict[str, str]:
    """Return the card and the provenance by name, but for what the version has a file of its own for."""
    from gtrack.ops.provenance import model_card

    own = {file.path for file in version.files}
    texts = {_CARD: model_card(version, run_of(repo, version)), _PROVENANCE: _statement(repo, version)}
    return {name: text for name, text in texts.items() if name not in own}


def _content(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


HANDING = (_get, _card, _provenance, _serve_info)
"""The subcommands, in the order of the help text."""
