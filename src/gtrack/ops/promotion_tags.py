"""Tags of promotions: ``churn@production/v3`` at the remote, created once, so that CI can deploy on it exactly once.

After the branch was pushed, a tag is created for each promotion into Staging or Production that this push brought or
completed (an approval, a number). The server creates a reference only where there is none, so two clones that push
the same promotion make one tag. What could not be created is remembered here and tried at the next push; a tag that
somebody removed at the remote is not made again.

The tag publishes nothing: it points at the run's code where the remote has that commit, else at the tip of the
remote's default code branch, else at the tip of the branch of runs; its message says which version is meant.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gtrack.branch.author import author
from gtrack.branch.bounded import run_bounded
from gtrack.branch.objects import COMMIT, TAG, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.branch.team import default_branch
from gtrack.branch.transport import ABSENT, Outcome, Status, Transport, Update
from gtrack.errors import GtrackError
from gtrack.format import names
from gtrack.ids import SHORT, is_object_id, slug
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState
from gtrack.model.registry_stages import EXCLUSIVE
from gtrack.ops.model_files import fold_files, folders_of_models, load_model_files

__all__ = ["PromotionTag", "remember_promotions", "tag_name", "tag_promotions"]

_FILE = "promotion-tags.json"
_MOST = 100
"""Promotions that one push makes tags for."""

Promoted = tuple[str, str, str]
"""A promotion: the model, the uid of the version, the stage."""


@dataclass(frozen=True, slots=True)
class PromotionTag:
    """What became of the tag of a promotion.

    Attributes:
        name: The tag, such as ``churn@production/v3``.
        status: ``created``, ``exists`` (another push created it), or ``failed``: it is tried again at the next push.
        why: Why it failed, or an empty text.
    """

    name: str
    status: str
    why: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        return {"name": self.name, "status": self.status, "why": self.why or None}


def tag_name(model: str, stage: str, number: int) -> str:
    """Return the name of a promotion's tag, below ``refs/tags/``.

    Args:
        model: The model's name.
        stage: The stage.
        number: The version's number.

    Example:
        >>> tag_name("churn", "Production", 3)
        'churn@production/v3'
    """
    part = slug(model)
    if ".." in part or part.endswith((".", ".lock")):  # no part of a reference may be so
        part = part.replace(".", "%2e")
    return f"{part}@{stage.lower()}/v{number}"


def remember_promotions(repo: Repository, before: str | None, after: str | None) -> None:
    """Note the promotions that a push is about to bring into effect, before it is sent.

    Args:
        repo: The repository.
        before: The tree of the remote's branch.
        after: The tree that is pushed.
    """
    try:
        fresh = _new_promotions(repo, before, after)
    except (GtrackError, KeyError, OSError):
        return  # a model that cannot be read must not hold back everybody's runs
    known = _remembered(repo)
    if fresh - set(known):
        _remember(repo, [*known, *sorted(fresh - set(known))])


def tag_promotions(repo: Repository, transport: Transport, remote: str, commit: str) -> tuple[PromotionTag, ...]:
    """Create the tags of the promotions that are remembered and in effect; trouble is told, and raises nothing.

    Args:
        repo: The repository.
        transport: The connection.
        remote: The remote's name.
        commit: The remote's tip, which was just pushed or fetched.
    """
    wanted = _remembered(repo)
    if not wanted:
        return ()
    out: list[PromotionTag] = []
    left: list[Promoted] = []
    try:
        there = _in_effect(repo, repo.tree_of(commit), {name for name, _, _ in wanted})
        made = {}
        for promoted in wanted[:_MOST]:
            found = there.get(promoted)
            if found is not None:
                update = _update(repo, remote, commit, *found, promoted[2])
                made[update.ref] = promoted, update
        outcomes = transport.push([update for _, update in made.values()]) if made else {}
    except (GtrackError, OSError, KeyError) as error:
        why = error.message if isinstance(error, GtrackError) else str(error)
        return tuple(PromotionTag(f"{name}@{stage.lower()}", "failed", why) for name, _, stage in wanted)
    for ref, (promoted, _) in made.items():
        done = _told(ref, outcomes.get(ref))
        out.append(done)
        left += [promoted] if done.status == "failed" else []
    _remember(repo, [*left, *wanted[_MOST:]])
    return tuple(out)


def _told(ref: str, outcome: Outcome | None) -> PromotionTag:
    name = ref.removeprefix("refs/tags/")
    if outcome is None or outcome.status is Status.REFUSED:
        why = "; ".join([outcome.reason, *outcome.said[:3]])[:300] if outcome is not None else "nothing was said of it"
        return PromotionTag(name, "failed", why)
    return PromotionTag(name, "created" if outcome.status is Status.DONE else "exists")


def _new_promotions(repo: Repository, before: str | None, after: str | None) -> set[Promoted]:
    """Return the promotions in effect in a tree that are not in effect in another."""
    if after is None or after == before or not _has_models(repo, after):
        return set()
    old = folders_of_models(repo, [before]) if before is not None else {}
    new = folders_of_models(repo, [after])
    changed = {name for name, folders in new.items() if folders != old.get(name)}
    return set(_in_effect(repo, after, changed)) - set(_in_effect(repo, before, changed))


def _has_models(repo: Repository, tree: str) -> bool:
    found = repo.objects.find(tree, names.MODELS)
    return found is not None and found[0] == TREE_MODE


def _in_effect(repo: Repository, tree: str | None, wanted: Iterable[str]) -> dict[Promoted, tuple[ModelState, Version]]:
    """Return the versions with a number in Staging and Production that nobody disputes, of some models."""
    out: dict[Promoted, tuple[ModelState, Version]] = {}
    folders = folders_of_models(repo, [tree]) if tree is not None else {}
    for name in sorted(set(wanted) & folders.keys()):
        state = fold_files(name, load_model_files(repo, folders[name]))
        for version in state.versions if not state.deleted else ():
            disputed = state.conflict(f"stage {version.stage}") or state.conflict(f"version {version.uid[:SHORT]}")
            if version.stage in EXCLUSIVE and version.number is not None and disputed is None:
                out[name, version.uid, version.stage] = state, version
    return out


def _update(repo: Repository, remote: str, tip: str, state: ModelState, version: Version, stage: str) -> Update:
    """Write the tag's object, and return what creates the reference where there is none."""
    assert version.number is not None
    name = tag_name(state.name, stage, version.number)
    change = next((each for each in reversed(state.stage_changes) if each.uid == version.uid), None)
    code = _code_of(repo, version)
    target = code if code is not None and _remote_has(repo, remote, code) else None
    if target is None:
        branch = default_branch(repo, remote)
        target = branch[1] if branch is not None else tip
    lines = [f"{state.name} v{version.number} to {stage}", ""]
    if change is not None and change.approved:
        lines += [f"approved by: {', '.join(change.approved)}"]
    facts = {"version": version.uid, "run": version.run, "commit": code, "digest": version.digest}
    lines += [f"{key}: {value}" for key, value in facts.items() if value is not None]
    message = "".join(c if c.isprintable() or c == "\n" else " " for c in "\n".join(lines))
    now = int(time.time())
    zone = time.strftime("%z", time.localtime(now)) or "+0000"
    by = author(repo.config, repo.env)
    head = f"object {target}\ntype commit\ntag {name}\ntagger {by} {now} {zone}\n\n"
    oid = repo.objects.write(TAG, f"{head}{message}\n".encode("utf-8", "replace"))
    return Update(f"refs/tags/{name}", oid, ABSENT)


def _code_of(repo: Repository, version: Version) -> str | None:
    """Return the commit that the version's run was of, where it is here."""
    from gtrack.ops.view import View

    if version.run is None:
        return None
    commit = View(repo).state(version.run).code.get("commit")
    if not isinstance(commit, str) or not is_object_id(commit):
        return None
    try:
        repo.objects.read(commit, COMMIT)
    except (KeyError, GtrackError):
        return None
    return commit


def _remote_has(repo: Repository, remote: str, commit: str) -> bool:
    """Tell whether a branch of the remote's code, as of the last fetch, has a commit."""
    if repo.git is None:
        return False
    args = ["for-each-ref", "--count=1", "--format=%(refname)", f"--contains={commit}", f"refs/remotes/{remote}/"]
    try:
        return bool(run_bounded(repo, args).strip())
    except GtrackError:
        return False


def _remembered(repo: Repository) -> list[Promoted]:
    try:
        with open(os.path.join(repo.paths.home, _FILE), encoding="utf-8") as file:
            listed = json.load(file)
    except (OSError, ValueError):
        return []
    if not isinstance(listed, list):
        return []
    sound = (each for each in listed if isinstance(each, list) and len(each) == 3 and all(map(_is_text, each)))
    return [(name, uid, stage) for name, uid, stage in sound]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _remember(repo: Repository, promotions: Sequence[Promoted]) -> None:
    """Keep what has no tag yet for the next push; a disk that is full costs the tag, and not the push."""
    path = os.path.join(repo.paths.home, _FILE)
    with contextlib.suppress(OSError):
        if not promotions:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        os.makedirs(repo.paths.home, mode=0o700, exist_ok=True)
        draft = f"{path}.{os.getpid()}.new"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(list(promotions), file)
        os.replace(draft, path)
