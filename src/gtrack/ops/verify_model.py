"""Proving a registered version: from its files to the run that made them, and to who let it into its stage."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gtrack.branch.repository import Repository
from gtrack.branch.signature_check import Checker
from gtrack.clock import now_ns, stamp
from gtrack.errors import GtrackError, NetworkError
from gtrack.format import names
from gtrack.format.manifest import parse_manifest
from gtrack.ids import SHORT
from gtrack.model.artifact import Artifact
from gtrack.model.fold import Document
from gtrack.model.registered import ModelFile, Version, VersionDocument
from gtrack.model.registry import ModelState, fold_model
from gtrack.ops.artifact_check import check_artifacts
from gtrack.ops.load import load_run_files
from gtrack.ops.present import DAY_US
from gtrack.ops.verify_demands import Demands, EarlierDemands
from gtrack.ops.verify_records import ModelRecords, Problem, Record, read_records, sha256_of
from gtrack.ops.verify_result import Chain
from gtrack.ops.verify_rules import (
    Pins,
    approvals_of,
    bypass_reason,
    event_problems,
    needs_of,
    returns,
    signature_problems,
)
from gtrack.ops.verify_tree import read_folder, read_sound
from gtrack.text import clean

__all__ = ["Model", "check_files", "check_registry", "check_standing", "load_model_records"]

_FETCH = "gtrack verify --fetch"


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model, as it stands and file by file.

    Attributes:
        state: What its files come to.
        records: Its files, with what their signatures are worth.
        folder: Its folder on the branch.
    """

    state: ModelState
    records: ModelRecords
    folder: str


def load_model_records(repo: Repository, trees: Sequence[str], name: str, checker: Checker) -> Model:
    """Read everything about a model.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the tracking remote's last.
        name: The model.
        checker: What checks signatures.

    Raises:
        DamageError: A folder is missing or damaged.
    """
    folder = read_folder(repo, trees, names.model_dir(name) or names.MODELS)
    records = read_records(name, folder.files, lambda oid: read_sound(repo, oid), checker)
    records.problems[:0] = folder.problems
    state = fold_model(
        name,
        [VersionDocument(uid, each.body, sha256_of(each.data)) for uid, each in records.versions.items()],
        [(number, uid) for number, uids in records.numbers.items() for uid in uids],
        [Document("event", each.name, each.body, each.stamp) for each in records.events.values()],
        horizon=stamp(now_ns() // 1000 + DAY_US),
        local=repo.remote is None,
    )
    return Model(state, records, folder.path)


def check_registry(model: Model, demands: Demands, earlier: EarlierDemands, pins: Pins, chain: Chain) -> None:
    """Add to a chain what is wrong with any file about a model.

    What the policy of its time allowed is told, where today's would not allow it; so is a bypass, with its reason.

    Args:
        model: The model.
        demands: The policy.
        earlier: What it was before.
        pins: What versions and runs are.
        chain: Takes what is wrong.
    """
    records = model.records
    chain.take(records.problems)
    for version in records.versions.values():
        now = signature_problems(records.name, version, demands)
        chain.take(_of_its_time(now, signature_problems(records.name, version, earlier.at(version.stamp))))
    for event in records.events.values():
        now = event_problems(records, event, demands, pins, allow_bypass=True)
        then = event_problems(records, event, earlier.at(event.stamp), pins, allow_bypass=True)
        chain.take(_of_its_time(now, then))
    for number, uids in model.state.numbers.contested.items():
        chain.broken("number", str(number), f"it is claimed for {' and '.join(f'~{uid[:SHORT]}' for uid in uids)}")
    for conflict in model.state.conflicts:
        chain.note("concurrent", conflict.what, "it was changed in clones that did not know of each other; decide it")


def check_files(repo: Repository, trees: Sequence[str], version: Version, chain: Chain) -> None:
    """Add to a chain each file of a version: as its run's manifest names it, and its content where that is here.

    Args:
        repo: The repository; nothing is fetched.
        trees: Root trees of the branch, the tracking remote's last.
        version: The version.
        chain: Takes what is found.
    """
    if version.run is None:
        chain.note("file", version.path, "it was registered without a run")
        return
    try:
        manifested = _manifested(repo, trees, version.run)
    except NetworkError:
        raise
    except (GtrackError, KeyError) as error:
        chain.broken("file", version.path, f"the manifests of its run cannot be read: {error}")
        return
    for file, path in _paths(version):
        found = manifested.get(path, {})
        artifact = found.get(file.sha256)
        if artifact is not None and artifact.size == file.size:
            _check_content(repo, version.run, artifact, chain)
        elif found:
            said = " and ".join(sorted(found))
            chain.broken("file", path, f"the run's manifests say SHA-256 {said}, and the version's file {file.sha256}")
        else:
            chain.broken("file", path, "no manifest of the run names it")


def check_standing(model: Model, version: Version, demands: Demands, pins: Pins, chain: Chain) -> None:
    """Add to a chain where a version stands, who promoted it, who approved that, and whose signatures prove it.

    Args:
        model: The model.
        version: The version.
        demands: The policy.
        pins: What versions and runs are.
        chain: Takes what is found.
    """
    record = model.records.versions[version.uid]
    said = f"registered by {clean(version.author)}; digest {version.digest}; its file has the SHA-256 {version.sha256}"
    chain.ok("version", version.name, said)
    _say_signature(record, chain)
    if version.number is not None:
        chain.ok("number", str(version.number), f"claimed for ~{version.uid[:SHORT]}")
    for alias in version.aliases:
        _say_last(model, version, "alias", alias, chain)
    promotion = _promotion_of(model, version)
    if promotion is None:
        chain.note("stage", version.stage, "nobody promoted it")
        return
    by = clean(promotion.text("author"))
    chain.ok("stage", version.stage, f"promoted by {by} ({promotion.name})")
    _say_signature(promotion, chain)
    _check_approvals(model, promotion, demands, pins, chain)


def _check_approvals(model: Model, promotion: Record, demands: Demands, pins: Pins, chain: Chain) -> None:
    stage = promotion.text("stage")
    needs = needs_of(promotion)
    if not returns(model.records, promotion, demands, pins):
        needs = max(needs, demands.of(model.records.name, stage).needs)
    approvals = approvals_of(model.records, promotion, demands, pins)
    for each in approvals:
        chain.ok("approval", clean(each.address), f"approved for {stage} ({each.name})")
        _say_signature(each, chain)
    reason, said = bypass_reason(promotion), f"{len(approvals)} approval{'' if len(approvals) == 1 else 's'}"
    if len(approvals) < needs and reason is not None:
        chain.note("policy", stage, f"{len(approvals)} of {needs} approvals; bypassed: {clean(reason)}")
    elif len(approvals) < needs:
        chain.broken("policy", stage, f"{len(approvals)} of {needs} approvals count, and it is in effect")
    elif demands.where:
        chain.ok("policy", stage, f"{said}, {needs or 'none'} needed, as {demands.where} demands")
    else:
        chain.note("policy", stage, f"{said}; there is no policy")


def _promotion_of(model: Model, version: Version) -> Record | None:
    """Return the event that brought a version into its stage; None where it never was promoted."""
    change = next((each for each in reversed(model.state.stage_changes) if each.uid == version.uid), None)
    if change is None:
        return None
    for entry in model.state.history:
        if entry.file == change.event:
            name = str(entry.outcome.get("promotion", change.event))
            return model.records.events.get(f"{model.folder}/{name}")
    return None


def _say_last(model: Model, version: Version, kind: str, alias: str, chain: Chain) -> None:
    events = [each for each in model.records.about(version.uid, kind) if each.text("alias") == alias]
    if events:
        chain.ok("alias", alias, f"set by {clean(events[-1].text('author'))} ({events[-1].name})")
        _say_signature(events[-1], chain)


def _say_signature(record: Record, chain: Chain) -> None:
    best = record.signatures.best
    if best is not None and best.verdict == "good":
        chain.ok("signature", record.name, f"signed by {best.signer} with the key {best.key}")
    elif best is None:
        chain.note("signature", record.name, "it is not signed")


def _check_content(repo: Repository, run_id: str, artifact: Artifact, chain: Chain) -> None:
    checked = check_artifacts(repo, {run_id: [artifact]})
    for damage in checked.damage:
        what = f"in the {damage.place}: {damage.what}; SHA-256 {artifact.digest} is recorded"
        chain.broken("file", artifact.path, what, "gtrack artifact verify --deep")
    for trouble in checked.trouble:
        chain.absent("file", artifact.path, trouble)
    if not checked.damage and not checked.trouble and checked.sound:
        chain.ok("file", artifact.path, f"SHA-256 {artifact.digest}, {artifact.size:,} bytes")
    elif not checked.damage and not checked.trouble:
        chain.absent("file", artifact.path, f"its content is not here; SHA-256 {artifact.digest} is recorded", _FETCH)


def _manifested(repo: Repository, trees: Sequence[str], run_id: str) -> dict[str, dict[str, Artifact]]:
    """Return what the manifests of a run name, by path and digest: what was put in its place later does not matter."""
    out: dict[str, dict[str, Artifact]] = {}
    for _, oid in load_run_files(repo, trees, run_id).of_kind("artifacts"):
        manifest, _ = parse_manifest(read_sound(repo, oid))
        for path, artifact in manifest.files.items():
            out.setdefault(path, {}).setdefault(artifact.digest, artifact)
    return out


def _paths(version: Version) -> Iterator[tuple[ModelFile, str]]:
    """Yield the files of a version, each with its path among the run's artifacts."""
    base = posixpath.basename(version.path)
    single = len(version.files) == 1 and version.files[0].path in ("", base)
    for file in version.files:
        yield file, version.path if single else "/".join(filter(None, (version.path, file.path)))


def _of_its_time(now: Iterator[Problem], then: Iterator[Problem]) -> Iterator[Problem]:
    """Yield what an event breaks, each once; what it breaks of today's policy alone as a remark."""
    broken: set[tuple[str, str]] | None = None
    for problem in dict.fromkeys(now):
        if broken is None:
            broken = {(each.path, each.rule) for each in then if not each.warning}
        if problem.warning or (problem.path, problem.rule) in broken:
            yield problem
        else:
            yield replace(problem, what=f"{problem.what}; the policy of its time allowed it", warning=True)
