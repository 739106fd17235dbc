"""What a garbage collection would do: all that has to be known for it, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.branch.repository import Repository
from gtrack.branch.tracking import tracking
from gtrack.branch.transport import Transport
from gtrack.errors import ConflictError, DamageError, GtrackError, NetworkError, NotFoundError
from gtrack.model.retention import GRACE, Policy
from gtrack.ops.fetch import Fetched, fetch
from gtrack.ops.gc_plan import Plan, Shelf, make_plan
from gtrack.ops.gc_references import References, references
from gtrack.ops.gc_runs import fates, team_policy
from gtrack.ops.gc_shelves import cache_shelf, git_shelf, store_shelf
from gtrack.ops.objects import opened_store
from gtrack.ops.store_settings import clone_repository_id, repository_id, store_choice
from gtrack.ops.view import View
from gtrack.store.members import members
from gtrack.store.place import Place
from gtrack.store.trouble import said_by, store_trouble
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Gathered", "gather", "refuse_blocked", "store_of"]

Blocked = tuple[str, str]


@dataclass(slots=True)
class Gathered:
    """What is known for a collection.

    Attributes:
        plan: What it would do.
        known: What names objects.
        shelves: Where objects are, by name.
        tips: The commits of the branch that it was read from.
    """

    plan: Plan
    known: References
    shelves: Mapping[str, Shelf]
    tips: tuple[str | None, ...]


@dataclass(slots=True)
class _Obstacles:
    """Why nothing may be removed, each with what to type."""

    found: list[Blocked] = field(default_factory=list)

    def add(self, why: str, hint: str) -> None:
        self.found.append((why, hint))


def gather(
    repo: Repo,
    *,
    policy: Policy | None = None,
    grace: float = GRACE,
    others: Sequence[str] = (),
    interactive: bool = False,
) -> Gathered:
    """Return what a collection would do now; the tracking remote and the store are asked.

    Args:
        repo: The repository.
        policy: What to go by; the team's by default.
        grace: Seconds from a deletion until it is final.
        others: Clones of other repositories that use the same store.
        interactive: Let git ask for credentials.

    Raises:
        ConflictError: The policy cannot be followed, or it cannot be known what is named: nothing can be planned.

    Example:
        >>> gather(gtrack.Repo(".")).plan.size(Step.REMOVE)
        Counter({'cache': 1048576})
    """
    policy = team_policy(repo) if policy is None else policy
    obstacles = _Obstacles()
    _fetch(repo.repository, obstacles, interactive)
    repository = repo.repository
    tips = tips_of(repository)
    known = _references(repository)
    view = View(repository)
    shelves = [
        _store(repository, others, obstacles, known, interactive),
        git_shelf(repository),
        cache_shelf(repository),
    ]
    plan = make_plan(
        fates(repo, view, policy, known, grace=grace),
        known.users(),
        known.fixed,
        [shelf for shelf in shelves if shelf is not None],
        blocked=obstacles.found,
        grace=grace,
        now_us=view.now_us,
    )
    return Gathered(plan, known, {shelf.name: shelf for shelf in shelves if shelf is not None}, tips)


def refuse_blocked(plan: Plan) -> None:
    """Refuse to act on a plan while something stands in its way.

    Raises:
        ConflictError: Something does; it says what, and what to type.
    """
    if plan.blocked:
        (why, hint), *more = plan.blocked
        others = f" (and {len(more)} more: gtrack gc names them)" if more else ""
        raise ConflictError(f"nothing is removed: {why}{others}", hint=hint)


def tips_of(repo: Repository) -> tuple[str | None, ...]:
    """Return the commits that say what is named: whoever finds others has to look again."""
    inboxes = tracking(repo).inboxes(repo, "runs") if repo.remote is not None else {}
    return repo.tip, repo.remote_tip, *(oid for _, oid in sorted(inboxes.items()))


@contextmanager
def store_of(repo: Repository) -> Iterator[Place | None]:
    """Open the store that this clone may use; None where it uses none.

    Raises:
        NetworkError: It cannot be used.
    """
    choice = store_choice(repo)
    if choice is None or not choice.agreed:
        yield None
        return
    with ExitStack() as stack:
        place = stack.enter_context(opened_store(repo, choice.location))
        stack.enter_context(store_trouble(f"cannot use {choice.location.shown}"))
        yield place


def _fetch(repo: Repository, obstacles: _Obstacles, interactive: bool) -> None:
    """Fetch the tracking remote's branch and inboxes: what others recorded names objects as well."""
    if repo.remote is None:
        if repo.config.subsections("remote"):
            obstacles.add(
                "no tracking remote is chosen, so what others recorded is not known", "gtrack init --remote NAME"
            )
        return
    try:
        names = tracking(repo)
        state = fetch(repo, Transport(repo, names.remote, interactive=interactive), names)
    except (NetworkError, NotFoundError, DamageError, ConflictError) as error:
        obstacles.add(
            f"{clean(repo.remote)} cannot be asked, so what others recorded is not known: {clean(error.message)}",
            f"git fetch {repo.remote}",
        )
        return
    _check_fetched(state, obstacles)


def _check_fetched(state: Fetched, obstacles: _Obstacles) -> None:
    remote = clean(state.names.remote)
    if state.overwritten is not None:
        obstacles.add(f"the branch at {remote} was rewritten or removed since the last fetch", "gtrack push")
    for ref, why in state.unreadable.items():
        obstacles.add(f"{clean(ref)} at {remote} cannot be read: {clean(why)}", "gtrack fsck")


def _references(repo: Repository) -> References:
    """Read what names objects.

    Raises:
        ConflictError: Something of the branch is missing or damaged: nothing can be planned.
    """
    try:
        known = references(repo)
    except (DamageError, NetworkError) as error:
        hint = error.hint or "gtrack fsck"
        raise ConflictError(f"what is named cannot be known: {error.message}", hint=hint) from error
    if known.faults:
        more = f" (and {len(known.faults) - 1} more)" if len(known.faults) > 1 else ""
        raise ConflictError(f"what is named cannot be known: {clean(known.faults[0])}{more}", hint="gtrack fsck")
    return known


def _store(
    repo: Repository, others: Sequence[str], obstacles: _Obstacles, known: References, interactive: bool
) -> Shelf | None:
    """Return what is in the store, after a look at who else uses it."""
    try:
        choice = store_choice(repo)
        if choice is not None and not choice.agreed:
            obstacles.add(f"nobody here agreed to use {choice.location.shown}", "gtrack store accept")
        with store_of(repo) as place:
            if place is None:
                return None
            _ask_others(repo, place, others, obstacles, known, interactive)
            return store_shelf(repo, place)
    except GtrackError as error:
        obstacles.add(said_by(error), error.hint or "gtrack store check")
        return None


def _ask_others(
    repo: Repository,
    place: Place,
    others: Sequence[str],
    obstacles: _Obstacles,
    known: References,
    interactive: bool,
) -> None:
    """Add what other repositories name that use the store; one that cannot be read here stands in the way."""
    # Before it had a remote this clone was a repository of its own; what that named is on its branch.
    asked = {repository_id(repo), clone_repository_id(repo)}
    for path in others:
        asked.add(_add_other(path, repo, obstacles, known, interactive))
    for member in members(place):
        if member.id not in asked:
            where = clean(member.remote or member.id)
            obstacles.add(
                f"{clean(member.id)} uses the same store, and what it names is not known here",
                f"git clone {where} PATH, and add --with PATH",
            )


def _add_other(path: str, repo: Repository, obstacles: _Obstacles, known: References, interactive: bool) -> str:
    with Repository(path, repo.env) as other:
        name = repository_id(other)
        trouble = _Obstacles()
        _fetch(other, trouble, interactive)
        known.fixed.update((digest, f"a run of {name} names it") for digest in _all(_references(other)))
    obstacles.found += [(f"{clean(path)}: {why}", hint) for why, hint in trouble.found]
    return name


def _all(known: References) -> Iterable[str]:
    yield from known.fixed
    for digests in known.runs.values():
        yield from digests
