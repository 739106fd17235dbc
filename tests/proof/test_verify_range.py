"""What the server's hook refuses, on a real bare repository with real keys: the commit and the rule are named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from signers import POLICY, Member, Said, Team, call, forge, git, needs_ssh

from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.ops.signatures import sign_files
from gtrack.ops.verify_range import verify_range

pytestmark = needs_ssh
EVENTS = "models/churn/events"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> tuple[Team, dict[str, Member], str]:
    """A team whose server asks gtrack verify; a version by Ada that nobody has promoted; and the id of its run."""
    team = Team(tmp_path_factory.mktemp("hooked"), keys)
    team.lock()
    members = {name: team.clone(name) for name in ("ada", "ben", "mallory")}
    members["ada"].set("gtrack.sign", "true")
    run_id = members["ada"].train()
    members["ada"].register(run_id)
    members["ada"].push()
    for name in ("ben", "mallory"):
        members[name].pull()
    return team, members, run_id


class Forger:
    """Somebody who writes events with a program of his own, and pushes them with plain git."""

    def __init__(self, team: Team, member: Member) -> None:
        self.team, self.member = team, member
        member.git("fetch", "-q", "origin", "gtrack")
        self.base = member.git("rev-parse", "FETCH_HEAD")
        listed = member.git("ls-tree", "-r", "--name-only", self.base).splitlines()
        self.uid = next(path for path in listed if "/versions/" in path).split("/")[-1].split(".")[0]

    def event(self, by: str, *, signed: bool = True, **body: object) -> dict[str, bytes]:
        """Return an event that says to be by somebody, signed by the member's own key."""
        said = {"format": 1, "version": self.uid, "author": f"{by} <{by.lower()}@example.org>", "previous": [], **body}
        data = yaml.dump(said)
        path = f"{EVENTS}/{names.event(stamp(now_ns() // 1000), data).removeprefix('events/')}"
        with self.member.repo() as repo:
            return {path: data, **(sign_files(repo, {path: data}) if signed else {})}

    def commit(self, files: dict[str, bytes | None], parents: tuple[str, ...] | None = None) -> str:
        """Write a commit with files on top of what is published."""
        with self.member.repo() as repo:
            return forge(repo, files, self.base, parents=parents)

    def push(self, files: dict[str, bytes | None]) -> tuple[str, str]:
        """Push files, and return the commit and what the server said."""
        commit = self.commit(files)
        before = self.team.tip()
        said = self.push_commit(commit)
        assert self.team.tip() == before, said
        return commit, said

    def push_commit(self, commit: str, *, force: bool = False) -> str:
        """Push a commit, and return what the server said."""
        options = ["--force"] if force else []
        command = ["git", "push", *options, "origin", f"{commit}:refs/heads/gtrack"]
        done = subprocess.run(command, cwd=self.member.path, capture_output=True, text=True, check=False)
        return done.stderr


@pytest.fixture
def mallory(world: tuple[Team, dict[str, Member], str]) -> Forger:
    """Mallory, who may push, and has a key that is known."""
    team, members, _ = world
    return Forger(team, members["mallory"])


@pytest.fixture
def ben(world: tuple[Team, dict[str, Member], str]) -> Forger:
    """Ben, who may promote and approve."""
    team, members, _ = world
    return Forger(team, members["ben"])


@pytest.fixture
def ada(world: tuple[Team, dict[str, Member], str]) -> Forger:
    """Ada, whose version it is."""
    team, members, _ = world
    return Forger(team, members["ada"])


def refused(pushed: tuple[str, str], rule: str, *words: str) -> None:
    """Check that a push was refused, by the rule and with its commit."""
    commit, said = pushed
    assert "is refused" in said
    lines = [line for line in said.splitlines() if f"[{rule}]" in line]
    assert lines, said
    assert any(commit[:7] in line and all(word in line for word in words) for line in lines), said


def test_a_promotion_by_somebody_who_may_not(mallory: Forger) -> None:
    event = mallory.event("Mallory", kind="stage", stage="Production", needs=1)
    refused(mallory.push(event), "promoters", "mallory@example.org may not promote churn to Production")


def test_a_promotion_that_asks_for_no_approval(ben: Forger) -> None:
    event = ben.event("Ben", kind="stage", stage="Production", needs=0)
    refused(ben.push(event), "approvals", "1 are demanded")


def test_a_promotion_that_calls_itself_a_rollback(ben: Forger) -> None:
    event = ben.event("Ben", kind="stage", stage="Production", needs=0, rollback=True)
    refused(ben.push(event), "approvals")


def test_a_promotion_under_another_name(mallory: Forger) -> None:
    event = mallory.event("Ada", kind="stage", stage="Production", needs=1)
    refused(mallory.push(event), "signer", "by ada@example.org", "mallory@example.org")


def test_a_promotion_that_nobody_signed(ben: Forger) -> None:
    event = ben.event("Ben", kind="stage", stage="Production", needs=1, signed=False)
    refused(ben.push(event), "signed", "it is not signed")


def test_a_signature_over_other_bytes(ben: Forger) -> None:
    other = ben.event("Ben", kind="note", text="other", signed=False)
    over = next(iter(other))
    made = ben.event("Ben", kind="stage", stage="Production", needs=1)
    stolen = next(data for name, data in made.items() if name.endswith(".sig"))
    refused(ben.push({**other, f"{over}.{sha12(stolen)}.sig": stolen}), "altered", "not made over these bytes")


def test_an_approval_by_the_author(ada: Forger) -> None:
    event = ada.event("Ada", kind="approval", stage="Production", verdict="approve")
    refused(ada.push(event), "author", "ada@example.org is the author of the version")


def test_an_approval_by_somebody_who_may_not(mallory: Forger) -> None:
    event = mallory.event("Mallory", kind="approval", stage="Production", verdict="approve")
    refused(mallory.push(event), "approvers", "mallory@example.org may not approve churn")


def test_an_approval_of_another_run(ben: Forger) -> None:
    pins = {"version": None, "run": "0" * 64}
    event = ben.event("Ben", kind="approval", stage="Production", verdict="approve", pins=pins)
    refused(ben.push(event), "altered", "run.yaml")


def test_a_bypass_is_let_through_only_where_the_server_says_so(ben: Forger) -> None:
    bypass = {"reason": "the outage of Monday", "violations": []}
    event = ben.event("Ben", kind="stage", stage="Production", needs=0, bypass=bypass)
    commit, said = ben.push(event)
    assert "bypassed: the outage of Monday" in said
    with ben.member.repo() as repo:
        report = verify_range(repo, f"{ben.base}..{commit}", allow_bypass=True)
    assert report.ok
    assert "bypassed" in report.findings[0].what


def test_a_rewritten_run_yaml(mallory: Forger, world: tuple[Team, dict[str, Member], str]) -> None:
    path = f"{names.run_dir(world[2])}/run.yaml"
    with mallory.member.repo() as repo:
        data = repo.read_blob(repo.objects.find(repo.tree_of(mallory.base), path)[1])
    commit, said = mallory.push({path: data.replace(b'"lr": 0.1', b'"lr": 0.9')})
    assert f"{commit[:7]}: {path}: the commit changes it: files are written once" in said


def test_a_tampered_event(mallory: Forger) -> None:
    path, data = next(iter(mallory.event("Mallory", kind="note", text="fine", signed=False).items()))
    commit, said = mallory.push({path: data.replace(b"fine", b"bad!")})
    assert commit[:7] in said
    assert "does not match the digest in its name" in said


def test_a_file_under_a_run_whose_start_another_key_signed(
    mallory: Forger, world: tuple[Team, dict[str, Member], str]
) -> None:
    run_id = world[2]
    body = {
        "format": 1, "session": "9c1d7b6e", "status": "finished", "by": "owner", "segments": [],
        "ended": "2026-11-21T14:31:02.000000Z", "error": None, "metrics": {}, "rejected": {},
    }  # fmt: skip
    data = yaml.dump(body)
    path = f"{names.run_dir(run_id)}/{names.end('20261121T143102.000000Z', data)}"
    refused(mallory.push({path: data}), "run-signed", "ada@example.org signed the start of this run")
    with mallory.member.repo() as repo:
        signed = {path: data, **sign_files(repo, {path: data})}
    refused(mallory.push(signed), "run-signed", "its key is that of mallory@example.org")
    attempt = {"format": 1, "kind": "attempt", "session": "9c1d7b6e", "previous": None}
    data = yaml.dump({**attempt, "started": "2026-11-21T14:31:02.000000Z"})
    resumed = {f"{names.run_dir(run_id)}/{names.event('20261121T143102.000000Z', data)}": data}
    refused(mallory.push(resumed), "run-signed")
    note = yaml.dump({"format": 1, "kind": "note", "text": "mine", "author": "Mallory <mallory@example.org>"})
    said = {f"{names.run_dir(run_id)}/{names.event('20261121T143102.000000Z', note)}": note}
    with mallory.member.repo() as repo:  # what is said of a run is anybody's
        assert verify_range(repo, f"{mallory.base}..{mallory.commit(said)}").ok


def test_another_signature_over_the_start_of_a_run(mallory: Forger, world: tuple[Team, dict[str, Member], str]) -> None:
    path = f"{names.run_dir(world[2])}/run.yaml"
    with mallory.member.repo() as repo:
        data = repo.read_blob(repo.objects.find(repo.tree_of(mallory.base), path)[1])
        signature = sign_files(repo, {path: data})
    refused(mallory.push(signature), "run-signed", "another key signed the start")


def test_a_repeated_event(ben: Forger, ada: Forger) -> None:
    with ada.member.repo() as repo:
        files = {path: oid for path, _, oid in repo.objects.walk(repo.tree_of(ada.base)) if path.startswith("models/")}
    if not any(path.startswith(EVENTS) for path in files):
        first = ben.event("Ben", kind="note", text="looks good")
        commit = ben.commit(first)  # type: ignore[arg-type]
        assert "refused" not in ben.push_commit(commit)
        ben = Forger(ben.team, ben.member)
    else:
        with ben.member.repo() as repo:
            oids = {path: oid for path, oid in files.items() if path.startswith(EVENTS)}
            first = {path: repo.read_blob(oid) for path, oid in oids.items()}
    path = next(path for path in first if path.endswith(".yaml"))
    signature = next(each for each in first if each.startswith(path) and each.endswith(".sig"))
    later = f"{EVENTS}/{stamp(now_ns() // 1000)}-{path.rpartition('-')[2]}"
    again = {later: first[path], signature.replace(path, later): first[signature]}
    refused(ben.push(again), "repeated", "byte for byte")  # type: ignore[arg-type]


def test_a_number_that_another_version_has(mallory: Forger) -> None:
    refused(mallory.push({f"models/churn/numbers/1-{'0' * 32}": b""}), "number", "version 1 is")


def test_a_number_that_is_taken_from_the_version_that_claimed_it_first(mallory: Forger) -> None:
    settled = mallory.event("Mallory", kind="number", number=2, instead_of=1, stands="0" * 32)
    refused(mallory.push(settled), "number", "claimed version 1 first, and keeps it")


def test_what_the_policy_allows_goes_through(world: tuple[Team, dict[str, Member], str]) -> None:
    team, members, _ = world
    members["ada"].pull()
    members["ada"].promote("churn/1")
    members["ada"].push()
    members["ben"].pull()
    members["ben"].approve("churn/1")
    members["ben"].alias(1)
    before = team.tip()
    members["ben"].push()
    assert team.tip() != before
    assert call(team.bare, "verify", "--range", "..gtrack").code == 0
    members["ada"].pull()
    assert members["ada"].type("verify", "churn@champion").code == 0


def test_a_push_is_checked_from_outside_too(world: tuple[Team, dict[str, Member], str], tmp_path: Path) -> None:
    team, _, _ = world
    said: Said = call(tmp_path, "verify", "--range", "..gtrack", "--repo", str(team.bare))
    assert said.code == 0
    assert "nothing speaks against it" in said.err


def test_a_policy_that_cannot_be_read_lets_nothing_through(tmp_path: Path, keys: Path) -> None:
    team = Team(tmp_path, keys, "policy: {models: {churn: {production: {aprovals: 1}}}}\n")
    ada = team.clone("ada")
    ada.train()
    ada.push()
    forger = Forger.__new__(Forger)
    forger.team, forger.member, forger.base, forger.uid = team, ada, team.tip(), "0" * 32
    commit = forger.commit(forger.event("Ada", kind="note", text="hello"))  # type: ignore[arg-type]
    with ada.repo() as repo:
        report = verify_range(repo, f"{team.tip()}..{commit}")
    assert not report.ok
    assert "did you mean approvals?" in report.findings[0].what


def test_an_allowed_signers_file_that_is_missing_lets_nothing_through(tmp_path: Path, keys: Path) -> None:
    team = Team(tmp_path, keys, POLICY.replace("allowed_signers", "nowhere"))
    ada = team.clone("ada")
    ada.train()
    with ada.repo() as repo:
        report = verify_range(repo, "..gtrack")
    assert "is not there" in report.findings[0].what


def test_a_repository_without_a_policy_is_checked_like_fsck(tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path / "plain"), cwd=tmp_path)
    member = Member.__new__(Member)
    member.path = tmp_path / "plain"
    (member.path / "a.txt").write_text("a")
    git("add", ".", cwd=member.path)
    git("commit", "-q", "-m", "a", cwd=member.path)
    run_id = member.train()
    member.register(run_id)
    member.promote()
    with Repository(str(member.path), os.environ) as repo:
        report = verify_range(repo, "..gtrack")
    assert report.ok
    assert not report.findings
