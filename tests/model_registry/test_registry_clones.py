"""Any interleaving of registrations, aliases, promotions and rollbacks on three clones comes to one state."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from registry_team import MODEL, Person, Registry

from gtrack.errors import NotFoundError, UsageError
from gtrack.ops import push as pushing
from gtrack.ops.model_events import remove_alias, set_alias
from gtrack.ops.model_stages import approve, promote, rollback
from gtrack.ops.model_writing import Changed

_numbers = itertools.count()
clones = st.integers(0, 2)
picks = st.integers(0, 5)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("register"), clones, picks),
        st.tuples(st.just("alias"), clones, picks),
        st.tuples(st.just("promote"), clones, picks),
        st.tuples(st.sampled_from(["unalias", "alias back", "stage back", "approve"]), clones, picks),
        st.tuples(st.sampled_from(["push", "push", "pull", "inbox", "race"]), clones, picks),
    ),
    min_size=6,
    max_size=14,
)


@dataclass
class Journal:
    """What the people did, and what each of them knew when they did it."""

    registry: Registry
    registered: set[str] = field(default_factory=set)
    events: dict[str, frozenset[str]] = field(default_factory=dict)
    slots: dict[str, dict[str, object]] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)

    def do(self, action: str, person: Person, pick: int) -> None:
        """Let somebody do something; what is not possible yet is passed over."""
        if action == "register":
            self.registered.add(person.register(self.registry.run_id).uid)
        elif action in ("push", "pull", "inbox", "race"):
            self._share(action, person, pick)
        else:
            with suppress(NotFoundError, UsageError):  # nobody approves what is his own
                before = frozenset(person.events())
                versions = person.model().versions
                self._note(before, self._say(action, person, versions[pick % len(versions)].name))
        self.look(person)

    def _say(self, action: str, person: Person, version: str) -> Changed:
        repository = person.repository
        match action:
            case "alias":
                return set_alias(repository, MODEL, "champion", version)
            case "unalias":
                return remove_alias(repository, MODEL, "champion")
            case "alias back":
                return rollback(repository, MODEL, "champion")
            case "stage back":
                return rollback(repository, MODEL, "production")
            case "approve":
                return approve(repository, version, "production")
        return promote(repository, version, "production")

    def _note(self, before: frozenset[str], done: Changed) -> None:
        if done.event is None:
            return
        self.events[done.event] = before
        entry = next(each for each in done.model.history if each.file == done.event)
        if entry.kind != "approval":
            slot = "alias champion" if entry.kind == "alias" else "stage Production"
            self.slots.setdefault(slot, {})[done.event] = entry.version

    def _share(self, action: str, person: Person, pick: int) -> None:
        if action == "race":
            other = next(each for each in (self.registry.people * 2)[pick % 3 :] if each is not person)
            _lose_a_race(person, other)
        else:
            {"push": person.push, "pull": person.pull, "inbox": person.send_to_inbox}[action]()

    def look(self, person: Person) -> None:
        """Check that no number that anybody ever saw means another version."""
        with suppress(NotFoundError):
            for number, uid in person.model().numbers.by_number.items():
                assert self.numbers.setdefault(number, uid) == uid, "a number was reassigned"

    def disputed(self) -> set[str]:
        """Return what is in dispute, by what everybody knew: changes that no later one was made in knowledge of."""
        out = set()
        for slot, changes in self.slots.items():
            known = {name for name in changes for other in changes if name in self.events[other]}
            if len({changes[name] for name in changes.keys() - known}) > 1:
                out.add(slot)
        return out


def _lose_a_race(person: Person, other: Person) -> None:
    """Let another clone push between somebody's fetch and push."""
    joining, left = pushing.join_tips, [other]

    def join_after(*args, **options):  # type: ignore[no-untyped-def]
        joined = joining(*args, **options)
        if left:
            left.pop().push()
        return joined

    pushing.join_tips = join_after
    try:
        person.push()
    finally:
        pushing.join_tips = joining


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    registry = Registry(tmp_path_factory.mktemp("made"))
    yield registry
    registry.close()


def check(made: Registry, place: Path, steps: list[tuple[str, int, int]]) -> None:
    registry = made.copy(place / f"copy-{next(_numbers)}")
    journal = Journal(registry)
    try:
        for action, who, pick in steps:
            journal.do(action, registry.people[who], pick)
        for _ in range(2):
            for person in registry.people:
                person.push()
                journal.look(person)
        for person in registry.people:
            person.pull()
            journal.look(person)
        if not journal.registered:
            return
        states = [person.model() for person in registry.people]
        assert states[0] == states[1] == states[2], "all come to one state"
        state = states[0]
        assert {version.uid for version in state.every} == journal.registered
        assert sorted(state.numbers.by_uid) == sorted(journal.registered), "every version has a number"
        assert sorted(state.numbers.by_number) == list(range(1, len(journal.registered) + 1))
        assert state.numbers.by_number.items() >= journal.numbers.items()
        assert not state.problems
        assert {entry.file for entry in state.history if entry.kind != "registered"} == set(journal.events)
        found = {what for what in state.concurrent if what in ("alias champion", "stage Production")}
        assert found == journal.disputed(), "what was changed at once is told, and nothing else"
        tree = registry.tree()
        assert len([path for path in tree if "/numbers/" in path]) == len(journal.registered)
    finally:
        registry.close()
        shutil.rmtree(registry.place)


@settings(max_examples=8, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@given(steps=actions)
def test_any_interleaving_on_three_clones_comes_to_one_state(made: Registry, tmp_path: Path, steps) -> None:  # type: ignore[no-untyped-def]
    check(made, tmp_path, steps)


@pytest.mark.soak
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(steps=actions)
def test_many_interleavings_on_three_clones_come_to_one_state(made: Registry, tmp_path: Path, steps) -> None:  # type: ignore[no-untyped-def]
    check(made, tmp_path, steps)


def test_a_day_of_three_people_with_races_and_an_inbox(made: Registry, tmp_path: Path) -> None:
    steps = [
        ("register", 0, 0), ("register", 1, 0), ("inbox", 1, 0), ("race", 0, 2), ("pull", 2, 0), ("alias", 2, 0),
        ("promote", 2, 1), ("push", 2, 0), ("alias", 0, 1), ("alias", 1, 0), ("race", 0, 1), ("promote", 0, 0),
        ("register", 2, 0), ("race", 2, 0), ("stage back", 0, 0), ("alias back", 2, 0),
    ]  # fmt: skip
    check(made, tmp_path, steps)
