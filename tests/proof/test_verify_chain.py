"""The proof of a version, offline: it holds in a fresh clone, and one altered byte anywhere in the chain is found."""

from __future__ import annotations

import json
import os
import random
import shutil
import zlib
from pathlib import Path

import pytest
from signers import POLICY, Member, Team, forge, git, needs_ssh

import gtrack
from gtrack.branch.objects import BLOB, TREE
from gtrack.clock import now_ns, stamp
from gtrack.errors import GtrackError
from gtrack.format import names, yaml
from gtrack.ids import sha12
from gtrack.ops.signatures import sign_files
from gtrack.ops.verify import verify
from gtrack.ops.verify_demands import EarlierDemands, read_demands

pytestmark = needs_ssh
CHAMPION = "models:/churn@champion"
REFS = ("refs/heads/gtrack", "refs/remotes/origin/gtrack")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> tuple[Team, str]:
    """A champion in production: trained and signed by Ada, approved by Ben; and the id of its run."""
    team = Team(tmp_path_factory.mktemp("team"), keys)
    ada, ben = team.clone("ada"), team.clone("ben")
    ada.set("gtrack.sign", "true")
    run_id = ada.train()
    ada.register(run_id)
    ada.push()
    ada.promote("churn/1")
    ada.push()
    ben.pull()
    ben.approve("churn/1")
    ben.alias(1)
    ben.push()
    return team, run_id


@pytest.fixture(scope="module")
def fetched(made: tuple[Team, str]) -> Member:
    """A fresh clone with everything fetched, whose remote is gone then."""
    team, _ = made
    cleo = team.clone("cleo")
    cleo.pull()
    cleo.type("verify", CHAMPION, "--fetch")
    cleo.git("remote", "set-url", "origin", "/nowhere/at/all")
    return cleo


@pytest.fixture
def clone(fetched: Member, tmp_path: Path, keys: Path) -> Member:
    """A copy of that clone, to be tampered with."""
    shutil.copytree(fetched.path, tmp_path / "copy")
    return Member(tmp_path / "copy", "cleo", keys)


def links(member: Member, subject: str = CHAMPION, code: int = 0) -> list[dict[str, str]]:
    """Return the links of the chain."""
    found: list[dict[str, str]] = json.loads(member.type("verify", subject, "--json", code=code).out)["links"]
    return found


def broken(member: Member, subject: str = CHAMPION) -> str:
    """Return what is broken, as text; something is."""
    wrong = [link for link in links(member, subject, code=1) if link["state"] == "broken"]
    assert wrong
    return "\n".join(f"{link['kind']} {link['name']}: {link['text']}" for link in wrong)


def tamper(member: Member, changes: dict[str, bytes | None], *, orphan: bool) -> None:
    """Alter files of the branch with sound git objects, in a further commit or in a history made anew."""
    with member.repo() as repo:
        commit = forge(repo, changes, str(repo.tip), parents=() if orphan else None)
    for ref in REFS:
        member.git("update-ref", ref, commit)


def path_of(member: Member, *parts: str) -> str:
    """Return the one path on the branch that holds all the parts, signatures left out unless asked for."""
    listed = member.git("ls-tree", "-r", "--name-only", "gtrack").splitlines()
    hits = [p for p in listed if all(part in p for part in parts) and p.endswith(".sig") == (".sig" in parts)]
    assert hits, (parts, listed)
    return hits[0]


def content(member: Member, path: str) -> bytes:
    """Return the content of a file of the branch."""
    with member.repo() as repo:
        return repo.read_blob(repo.objects.find(repo.tree_of(repo.tip), path)[1])


def event_of(member: Member, kind: str) -> str:
    """Return the path of the event of a kind."""
    listed = member.git("ls-tree", "-r", "--name-only", "gtrack").splitlines()
    events = [p for p in listed if p.startswith("models/churn/events/") and p.endswith(".yaml")]
    return next(path for path in events if yaml.load(content(member, path))["kind"] == kind)


def test_the_chain_is_printed_and_holds(fetched: Member, made: tuple[Team, str]) -> None:
    found = links(fetched)
    by_kind: dict[str, list[dict[str, str]]] = {}
    for link in found:
        by_kind.setdefault(link["kind"], []).append(link)
    assert {link["state"] for link in found} <= {"ok", "note"}, found
    assert {link["name"] for link in by_kind["file"]} >= {"model/made/model.bin", "model/made/MLmodel"}
    assert by_kind["version"][0]["name"] == "churn/1"
    assert by_kind["run"][0]["name"] == made[1]
    assert [link["text"].partition(":")[0] for link in by_kind["code"]] == ["commit", "snapshot"]
    assert [(link["name"], link["text"]) for link in by_kind["diff"]][1:] == [("train.py", "+1 -1")]
    assert "SHA-256" in by_kind["data"][0]["text"]
    assert by_kind["approval"][0]["name"] == "ben@example.org"
    signers = {link["text"].split()[2] for link in by_kind["signature"]}
    assert signers == {"ada@example.org", "ben@example.org"}
    said = fetched.type("verify", CHAMPION).out
    assert said.endswith("churn/1: the chain holds\n")


def test_runs_and_everything_are_proved_too(fetched: Member, made: tuple[Team, str]) -> None:
    assert fetched.type("verify", made[1][:8]).out.endswith("the chain holds\n")
    assert fetched.type("verify").out.endswith("everything: the chain holds\n")


def test_a_depth_1_clone_and_a_squash_keep_the_signatures(made: tuple[Team, str], tmp_path: Path) -> None:
    team, _ = made
    shallow = team.clone("ben", "--depth=1", "--no-single-branch")
    found = links(shallow)
    assert any(link["kind"] == "approval" and link["state"] == "ok" for link in found)
    assert not any(link["state"] == "broken" for link in found)
    squashed = team.clone("ada")
    tree = squashed.git("rev-parse", "origin/gtrack^{tree}")
    commit = squashed.git("commit-tree", "-m", "all at once", tree)
    squashed.git("update-ref", "refs/heads/gtrack", commit)
    squashed.git("update-ref", "refs/remotes/origin/gtrack", commit)
    assert sum(link["kind"] == "signature" and link["state"] == "ok" for link in links(squashed)) >= 4


@pytest.mark.parametrize("orphan", [False, True], ids=["in a further commit", "in a new history"])
class TestAlteredFiles:
    def test_the_version_file(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/versions/")
        body = {**yaml.load(content(clone, path)), "description": "better"}
        tamper(clone, {path: yaml.dump(body)}, orphan=orphan)
        assert path in broken(clone)

    def test_the_number(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/numbers/")
        tamper(clone, {path: b"x"}, orphan=orphan)
        assert path in broken(clone)

    def test_a_number_that_is_another(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/numbers/")
        tamper(clone, {path: None, path.replace("/1-", "/7-"): b""}, orphan=orphan)
        if not orphan:
            assert f"altered {path}" in broken(clone)

    def test_an_event(self, clone: Member, orphan: bool) -> None:
        path = event_of(clone, "approval")
        tamper(clone, {path: content(clone, path).replace(b"approve", b"Approve")}, orphan=orphan)
        assert f"{path}: its content does not match the digest in its name" in broken(clone)

    def test_an_event_with_a_name_that_fits(self, clone: Member, orphan: bool) -> None:
        path = event_of(clone, "approval")
        data = content(clone, path).replace(b"Ben <ben@", b"Cleo <cleo@")
        renamed = path[: path.rindex("-") + 1] + sha12(data) + ".yaml"
        signature = path_of(clone, path, ".sig")
        kept = {signature.replace(path, renamed): content(clone, signature), signature: None}
        tamper(clone, {path: None, renamed: data, **kept}, orphan=orphan)
        assert "it was not made over these bytes" in broken(clone)

    def test_an_event_that_is_gone(self, clone: Member, orphan: bool) -> None:
        path = event_of(clone, "approval")
        tamper(clone, {path: None, path_of(clone, path, ".sig"): None}, orphan=orphan)
        assert "which is not here" in broken(clone)

    def test_an_event_that_is_repeated_later(self, clone: Member, orphan: bool) -> None:
        path = event_of(clone, "stage")
        signature = path_of(clone, path, ".sig")
        later = path.replace("events/2026", "events/2027")
        again = {later: content(clone, path), signature.replace(path, later): content(clone, signature)}
        tamper(clone, again, orphan=orphan)
        assert "byte for byte" in broken(clone)

    def test_a_signature(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, event_of(clone, "approval"), ".sig")
        data = bytearray(content(clone, path))
        data[80] ^= 1
        tamper(clone, {path: bytes(data)}, orphan=orphan)
        assert path in broken(clone)

    def test_a_signature_with_a_name_that_fits(self, clone: Member, orphan: bool) -> None:
        over = event_of(clone, "stage")
        path = path_of(clone, over, ".sig")
        data = content(clone, path_of(clone, event_of(clone, "approval"), ".sig"))
        tamper(clone, {path: None, f"{over}.{sha12(data)}.sig": data}, orphan=orphan)
        assert "not made over these bytes" in broken(clone)

    def test_the_run_yaml(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/run.yaml")
        tamper(clone, {path: content(clone, path).replace(b'"lr": 0.1', b'"lr": 0.2')}, orphan=orphan)
        found = broken(clone)
        assert f"altered {path}" in found
        assert "is about" in found

    def test_the_end_file(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/end-")
        tamper(clone, {path: content(clone, path).replace(b"0.94", b"0.95")}, orphan=orphan)
        assert path in broken(clone)

    def test_the_end_file_with_a_name_that_fits(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/end-")
        data = content(clone, path).replace(b"0.94", b"0.95")
        renamed = path[: path.rindex("-") + 1] + sha12(data) + ".yaml"
        tamper(clone, {path: None, path_of(clone, path, ".sig"): None, renamed: data}, orphan=orphan)
        assert "did not sign this file" in broken(clone)

    def test_the_manifest(self, clone: Member, orphan: bool) -> None:
        path = path_of(clone, "/artifacts-")
        data = content(clone, path).replace(b'"size": 300', b'"size": 301')
        tamper(clone, {path: data}, orphan=orphan)
        assert path in broken(clone)


def test_one_other_byte_in_any_file_is_found_in_a_history_made_anew(clone: Member) -> None:
    chance = random.Random(7)
    with clone.repo() as repo:
        tip = str(repo.tip)
        files = {path: oid for path, _, oid in repo.objects.walk(repo.tree_of(tip))}
        contents = {path: repo.read_blob(oid) for path, oid in files.items() if path.startswith(("runs/", "models/"))}
    assert len(contents) >= 15
    for path, data in contents.items():
        altered = bytearray(data or b"\0")
        altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(7)
        with clone.repo() as repo:
            commit = forge(repo, {path: bytes(altered)}, tip, parents=())
        for ref in REFS:
            clone.git("update-ref", ref, commit)
        with gtrack.Repo(str(clone.path)) as repo:
            try:
                found = verify(repo, CHAMPION)
            except GtrackError:
                continue  # the version is not even found by its name any more
        assert not found.ok, path
        assert any(path in link.name or path.partition(".yaml")[0] in link.name for link in found.broken), (path, found)


class TestAlteredObjects:
    def test_an_artifact_in_the_cache(self, clone: Member) -> None:
        home = clone.path / ".git" / "gtrack" / "objects"
        files = [path for path in home.rglob("*") if path.is_file() and path.stat().st_size > 40]
        assert files
        for path in files:
            path.chmod(0o644)
            data = bytearray(path.read_bytes())
            data[7] ^= 1
            path.write_bytes(data)
        assert "in the cache" in broken(clone)

    def test_an_artifact_that_is_not_here_is_told_apart(self, clone: Member) -> None:
        shutil.rmtree(clone.path / ".git" / "gtrack" / "objects")
        names = clone.git("for-each-ref", "--format=%(refname)", "refs/gtrack/objects", "refs/gtrack/remotes").split()
        for name in names:
            if "/objects" in name:
                clone.git("update-ref", "-d", name)
        clone.git("-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now")
        found = links(clone)
        assert [link["name"] for link in found if link["state"] == "absent" and link["kind"] == "file"]
        assert "not here" in clone.type("verify", CHAMPION).out

    def test_the_tree_of_the_snapshot(self, clone: Member) -> None:
        with clone.repo() as repo:
            path = path_of(clone, "/run.yaml")
            tree = str(yaml.load(content(clone, path))["code"]["tree"])
            data = repo.objects.read(tree, TREE)
            blob = repo.objects.write(BLOB, b"print('other')\n")
            at = data.index(b"train.py\0") + len(b"train.py\0")
            self._replace(clone, tree, b"tree", data[:at] + bytes.fromhex(blob) + data[at + 20 :])
        assert "another content than its id says" in broken(clone)

    def test_a_file_of_the_snapshot(self, clone: Member) -> None:
        with clone.repo() as repo:
            tree = str(yaml.load(content(clone, path_of(clone, "/run.yaml")))["code"]["tree"])
            blob = next(oid for path, _, oid in repo.objects.walk(tree) if path == "train.py")
        self._replace(clone, blob, b"blob", b"print('Edited')\n")
        assert f"object {blob[:12]}" in broken(clone)

    @staticmethod
    def _replace(clone: Member, oid: str, kind: bytes, data: bytes) -> None:
        """Put a well-formed object of another content where git keeps that of an id."""
        objects = clone.path / ".git" / "objects"
        packs = list((objects / "pack").glob("*.pack"))
        for pack in packs:
            moved = pack.with_name("aside")
            pack.rename(moved)
            for index in (objects / "pack").glob(pack.stem + ".*"):
                index.unlink()
            with moved.open("rb") as file:
                clone.git("unpack-objects", "-q", feed=file.read())
            moved.unlink()
        path = objects / oid[:2] / oid[2:]
        os.chmod(path, 0o644)
        path.write_bytes(zlib.compress(b"%s %d\0" % (kind, len(data)) + data))


class TestThePolicyOfItsTime:
    """What was allowed when it was done is no fault later; what stands now is judged by the policy of now."""

    @pytest.fixture
    def team(self, tmp_path: Path, keys: Path) -> Team:
        """A team whose policy asks for nothing yet."""
        return Team(tmp_path, keys, "experiment: churn\n")

    @staticmethod
    def demand(member: Member, policy: str, after: int = 2) -> None:
        """Publish a policy whose commit is of so many seconds after now: git's time knows no fractions."""
        member.git("checkout", "-q", "-f", "main")
        (member.path / "gtrack.yaml").write_text(policy)
        member.git("add", "gtrack.yaml")
        moment = f"{now_ns() // 10**9 + after} +0000"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_COMMITTER_DATE", moment)
            member.git("commit", "-q", "-m", "policy")
        member.git("push", "-q", "origin", "main")
        member.git("fetch", "-q", "origin")

    def test_old_events_stay_allowed_and_new_ones_are_judged(self, team: Team) -> None:
        ada = team.clone("ada")
        ada.register(ada.train())
        ada.push()
        ada.promote("churn/1", "staging")
        assert ada.type("verify", "churn/1").out.count("BROKEN") == 0
        later = POLICY.replace("signed: true", "signed: true\n      staging: {promoters: [ben@example.org]}")
        self.demand(ada, later)
        said = ada.type("verify", "churn/1").out
        assert "may not promote churn to Staging" in said
        assert "the policy of its time allowed it" in said
        with ada.repo() as repo:
            known = EarlierDemands(repo, read_demands(repo))
            assert not known.at("20200101T000000.000000Z").of("churn", "Staging").promoters
            assert known.at("20990101T000000.000000Z").of("churn", "Staging").promoters == ("ben@example.org",)

    def test_what_is_in_production_has_to_meet_the_policy_of_today(self, team: Team) -> None:
        ada = team.clone("ada")
        ada.register(ada.train())
        ada.push()
        ada.promote("churn/1")
        self.demand(ada, POLICY)
        assert "0 of 1 approvals count, and it is in effect" in broken(ada, "churn/1")
        ada.push()
        ben = team.clone("ben")
        ben.pull()
        ben.approve("churn/1")
        assert "BROKEN" not in ben.type("verify", "churn/1").out

    def test_a_bypass_is_told(self, team: Team) -> None:
        ada = team.clone("ada")
        self.demand(ada, POLICY.replace('"ada@*", "cleo@*", "ben@*"', '"ben@*"'), after=-60)
        ada.register(ada.train())
        ada.push()
        ada.promote("churn/1", bypass="the outage of Monday")
        said = ada.type("verify", "churn/1").out
        assert "bypassed: the outage of Monday" in said


def test_a_partial_clone_tells_what_is_not_here(made: tuple[Team, str]) -> None:
    team, _ = made
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git("config", key, "true", cwd=team.bare)
    path = team.place / "partial"
    git("clone", "-q", "--filter=blob:none", f"file://{team.bare}", str(path), cwd=team.place)
    partial = Member(path, "cleo", team.keys)
    found = links(partial)
    assert not [link for link in found if link["state"] == "broken"]
    assert {link["kind"] for link in found if link["state"] == "absent"} >= {"code"}


@pytest.mark.parametrize(
    ("who", "says", "body", "words"),
    [
        ("mallory", "mallory", {"kind": "stage", "needs": 1}, "mallory@example.org may not promote churn"),
        ("ada", "ada", {"kind": "approval", "verdict": "approve"}, "ada@example.org is the author of the version"),
        ("mallory", "ben", {"kind": "approval", "verdict": "approve"}, "it says that it is by ben@example.org"),
        ("ben", "ben", {"kind": "stage", "needs": 0}, "it would take effect without them"),
    ],
)
def test_what_somebody_may_not_do_is_named(
    clone: Member, keys: Path, who: str, says: str, body: dict[str, object], words: str
) -> None:
    with clone.repo() as repo:
        uid = path_of(clone, "/versions/").split("/")[-1].removesuffix(".yaml")
        author = f"{says.capitalize()} <{says}@example.org>"
        moment = stamp(now_ns() // 1000)
        said = yaml.dump({"format": 1, **body, "version": uid, "stage": "Production", "author": author, "previous": []})
    clone.set("user.signingKey", str(keys / f"{who}.pub"))
    clone.set("user.email", f"{who}@example.org")
    path = f"models/churn/{names.event(moment, said)}"
    with clone.repo() as repo:
        signatures = sign_files(repo, {path: said})
    tamper(clone, {path: said, **signatures}, orphan=False)
    assert words in broken(clone)
