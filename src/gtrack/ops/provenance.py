"""What a registered version tells other tools: an in-toto statement, a model card, what an endpoint should expose.

Pure functions of what the registry and the run say. The forms are those of in-toto's Statement v1
(https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md), of SLSA's provenance v1
(https://slsa.dev/spec/v1.0/provenance) and of Hugging Face's model cards
(https://huggingface.co/docs/hub/model-cards).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from gtrack.clock import iso
from gtrack.format.plain import to_plain
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.model.uses import edges_of
from gtrack.ops.provenance_card import card_text

__all__ = ["BUILDER", "BUILD_TYPE", "model_card", "provenance", "serve_info"]

BUILDER = "https://pypi.org/project/gtrack/"
"""Who vouches for the statement."""
BUILD_TYPE = f"{BUILDER}#run-v1"
"""How the parameters are to be read: those of a recorded run."""

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SECRET = re.compile(r"://[^/@\s]*@")


def provenance(version: Version, run: RunState | None, *, tool: str = "") -> dict[str, object]:
    """Return how a version came about, as an in-toto statement with SLSA's provenance.

    Args:
        version: The version.
        run: The run that made it, or None where it is not here.
        tool: The version of gtrack that says so.

    Returns:
        Plain values for JSON. ``subject`` names each file with its SHA-256; the ``resolvedDependencies`` are the code's
        commit and snapshot, the data by its fingerprints and the artifacts of other runs.

    Example:
        >>> provenance(version, run)["predicate"]["runDetails"]["metadata"]["invocationId"]
        '3f2a9c1d7b6e4a508c2f9e0d1a7b3c55'
    """
    code = {} if run is None else run.code
    source = {"commit": code.get("commit"), "snapshot": code.get("snapshot"), "branch": code.get("branch")}
    external = {
        "command": code.get("command"),
        "workingDirectory": code.get("cwd"),
        "source": {key: value for key, value in source.items() if value} or None,
        "params": dict(run.params) if run is not None else None,
    }
    internal = {"seed": dict(run.seed), "environment": dict(run.environment)} if run is not None else {}
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": file.path, "digest": {"sha256": file.sha256}} for file in version.files],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _filled(external),
                "internalParameters": _filled(internal),
                "resolvedDependencies": [] if run is None else list(_dependencies(run)),
            },
            "runDetails": {
                "builder": _filled({"id": BUILDER, "version": {"gtrack": tool} if tool else None}),
                "metadata": _filled(
                    {
                        "invocationId": version.run,
                        "startedOn": _time(run.started) if run is not None else None,
                        "finishedOn": _time(run.ended) if run is not None else None,
                    }
                ),
                "byproducts": [
                    {"name": f"models:/{version.model}/~{version.uid}", "digest": {"sha256": version.sha256}},
                ],
            },
        },
    }
    return {key: _plain(value) for key, value in statement.items()}


def serve_info(version: Version, run: RunState | None) -> dict[str, object]:
    """Return what an endpoint should expose of the version that it serves, so that it is known what to roll back to.

    Args:
        version: The version.
        run: The run that made it, or None where it is not here.

    Example:
        >>> serve_info(version, run)["version"]
        '3'
    """
    code = {} if run is None else run.code
    info = {
        "model": version.model,
        "version": version.label,
        "number": version.number,
        "uid": version.uid,
        "stage": version.stage,
        "aliases": list(version.aliases),
        "run": version.run,
        "commit": code.get("commit"),
        "snapshot": code.get("snapshot"),
        "digest": f"sha256:{version.digest}",
        "files": {file.path: f"sha256:{file.sha256}" for file in version.files},
        "registered": _time(version.registered),
    }
    return {key: _plain(value) for key, value in info.items()}


def model_card(version: Version, run: RunState | None, *, verified: str | None = None) -> str:
    """Return a model card as Markdown, with the metadata that Hugging Face's hub reads at its top.

    Whatever came from the branch stands in it as text alone: it makes no link, no image and no HTML.

    Args:
        version: The version.
        run: The run that made it, or None where it is not here.
        verified: What ``gtrack verify`` came to, in a sentence; None where nobody asked it.

    Example:
        >>> model_card(version, run).splitlines()[:3]
        ['---', 'library_name: "sklearn"', 'tags:']
    """
    return card_text(version, run, verified)


def _dependencies(run: RunState) -> Iterator[dict[str, object]]:
    """Yield what went into a run, as SLSA's resource descriptors."""
    code = run.code
    remote, branch = code.get("remote"), code.get("branch")
    uri = None
    if isinstance(remote, str) and remote:
        where = _SECRET.sub("://", remote)
        uri = where if where.startswith("git+") else f"git+{where if '://' in where else f'https://{where}'}"
        uri += f"@refs/heads/{branch}" if isinstance(branch, str) and branch else ""
    if code.get("commit"):
        yield _filled({"name": "code", "uri": uri, "digest": {"gitCommit": code["commit"]}})
    if code.get("snapshot"):
        digests = _filled({"gitCommit": code["snapshot"], "gitTree": code.get("tree")})
        yield {"name": "snapshot", "digest": digests}
    for number, entry in enumerate(run.data):
        if isinstance(entry, Mapping):
            yield _of_data(entry, number)
    for edge in edges_of(run.id, list(run.uses)):
        digest = {"sha256": edge.digest} if edge.digest else None
        yield _filled({"name": f"runs:/{edge.run}/{edge.path}", "digest": digest})


def _of_data(entry: Mapping[object, object], number: int) -> dict[str, object]:
    digest, source = entry.get("digest"), entry.get("source")
    uri = source.get("uri") if isinstance(source, Mapping) else source
    # Of a table and an array the digest is a fingerprint of the values, not of a file's bytes.
    plain = entry.get("kind") in ("file", "uri")
    sound = isinstance(digest, str) and _SHA256.match(digest) is not None
    name = "sha256" if plain else "gtrackFingerprint"
    return _filled(
        {
            "name": str(entry.get("name") or number),
            "uri": _SECRET.sub("://", uri) if isinstance(uri, str) else None,
            "digest": {name: digest} if sound else None,
            "annotations": _filled({key: entry.get(key) for key in ("role", "kind", "rows")}) or None,
        }
    )


def _filled(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value not in (None, [], ())}


def _plain(value: object) -> object:
    """Return values that JSON has: NaN and the infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | int | float) or value is None else to_plain(value)


def _time(us: int | None) -> str | None:
    return None if us is None else iso(us)
