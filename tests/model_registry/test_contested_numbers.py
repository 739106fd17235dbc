"""Two claims of one number that met all the same: by first parents one stands, and the other version gets another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_team import MODEL, Person, Registry, git

import gtrack
from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.errors import ConflictError
from gtrack.format import names, yaml
from gtrack.model.registered import ModelFile, Version, digest_of
from gtrack.ops import push as pushing
from gtrack.ops.fsck import check
from gtrack.ops.gc_references import references
from gtrack.ops.model_numbers import claims
from gtrack.ops.registry import resolve, version_artifacts


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path, ("Ada", "Ben"))
    yield made
    made.close()


def put(person: Person, files: dict[str, bytes]) -> None:
    """Commit files below the model's folder by hand."""
    repository = person.repository
    folder = names.model_dir(MODEL)
    with repository.lock():
        whole = {f"{folder}/{name}": data for name, data in files.items()}
        commit_files(repository, whole, "by hand", by=author(repository.config, person.env))


def rewound(registry: Registry) -> tuple[Version, Version]:
    """Return Ada's version and Ben's: both were number 1, for the remote's branch was rewound in between."""
    ada, ben = registry.people
    before = git(registry.bare, "rev-parse", "gtrack")
    hers = ada.register(registry.run_id)
    ada.push()
    git(registry.bare, "update-ref", "refs/heads/gtrack", before)
    his = ben.register(registry.run_id)
    assert ben.push().numbered == ((MODEL, 1, his.uid),)
    return hers, his


def test_after_a_rewind_the_claim_that_is_published_stands_and_the_other_gets_the_next_number(
    registry: Registry,
) -> None:
    ada, ben = registry.people
    hers, his = rewound(registry)
    done = ada.push()
    assert done.numbered == ((MODEL, 2, hers.uid),)
    ben.pull()
    for person in (ada, ben):
        state = person.model()
        assert state.numbers.by_uid == {his.uid: 1, hers.uid: 2}
        assert not state.numbers.contested
        assert [entry.kind for entry in state.history] == ["registered", "registered", "number"]
    assert check(ada.repo).ok
    assert ada.push().numbered == ()


def test_until_then_the_number_names_neither_and_fsck_says_so(registry: Registry) -> None:
    ada, _ = registry.people
    hers, his = rewound(registry)
    git(ada.path, "fetch", "-q", "origin", "+gtrack:refs/remotes/origin/gtrack")
    with pytest.raises(ConflictError, match="churn/1 is claimed by 2 versions") as told:
        resolve(ada.repository, "churn/1")
    assert f"churn/~{hers.uid[:7]}" in told.value.message
    assert f"churn/~{his.uid[:7]}" in told.value.message
    assert resolve(ada.repository, f"churn/~{hers.uid[:7]}").version.number is None
    report = check(ada.repo)
    assert any("version 1 is claimed by" in finding.what and finding.level == "error" for finding in report.findings)


@pytest.mark.parametrize("with_git", [True, False])
def test_of_two_that_are_published_the_one_in_the_earlier_commit_by_first_parents_stands(
    registry: Registry, with_git: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, _ = registry.people
    first, second = (ada.register(registry.run_id) for _ in range(2))
    for version in (second, first):  # the larger or the smaller uid, whichever: the history decides
        put(ada, {names.number_file(7, version.uid): b""})
    tip = ada.repository.tip
    if not with_git:
        monkeypatch.setattr(type(ada.repository), "git", None, raising=False)
        ada.repository.__dict__.pop("git", None)
        assert ada.repository.git is None
    made = claims(ada.repository, str(ada.repository.tree_of(tip)), tip)
    assert made.numbered == ((MODEL, 8, first.uid),)
    events = [data for path, data in made.files.items() if "/events/" in path]
    said = yaml.load(events[0])
    assert (said["stands"], said["version"], said["instead_of"], said["number"]) == (second.uid, first.uid, 7, 8)


def test_a_version_that_has_a_claim_is_left_alone_and_gaps_stay(registry: Registry) -> None:
    ada, ben = registry.people
    one = ada.register(registry.run_id)
    put(ada, {names.number_file(41, one.uid): b""})
    two = ada.register(registry.run_id)
    assert ada.push().numbered == ((MODEL, 42, two.uid),)
    ben.pull()
    assert ben.model().numbers.by_uid == {one.uid: 41, two.uid: 42}


def test_a_model_that_cannot_be_read_holds_back_nobody(registry: Registry) -> None:
    ada, _ = registry.people
    made = ada.register(registry.run_id)
    put(ada, {f"versions/{'ab' * 16}.yaml": b"a: [1\n", "events/nothing.yaml": b"", "numbers/0-x": b""})
    done = ada.push()
    assert (done.place, done.numbered) == ("branch", ((MODEL, 1, made.uid),))
    assert not check(ada.repo).ok


def test_fsck_names_what_is_wrong_with_models(registry: Registry) -> None:
    ada, _ = registry.people
    made = ada.register(registry.run_id)
    good = dict(yaml.load(git(ada.path, "show", f"gtrack:models/churn/versions/{made.uid}.yaml").encode() + b"\n"))
    files = [{"path": "model.bin", "size": 1, "sha256": "ab" * 32}]
    other = {**good, "uid": "ab" * 16, "files": files, "digest": digest_of([ModelFile("model.bin", 1, "ab" * 32)])}
    nowhere = {**good, "uid": "cd" * 16, "run": "ef" * 16}
    wrong = {**good, "uid": "ef" * 16, "digest": "00" * 32}
    event = yaml.dump({"format": 1, "kind": "alias", "alias": "latest", "version": made.uid, "previous": []})
    put(
        ada,
        {f"versions/{body['uid']}.yaml": yaml.dump(body) for body in (other, nowhere, wrong)}
        | {names.event("20261121T142530.123456Z", event): event},
    )
    said = {(finding.level, finding.path.rpartition("/")[2][:12], finding.what) for finding in check(ada.repo).findings}
    run = registry.run_id[:7]
    assert ("error", "ab" * 6, f"its run {run} kept no file of that digest: model.bin") in said
    assert ("warning", "cd" * 6, "its run efefefe is not here") in said
    assert ("error", "ef" * 6, "its digest is not that of its files") in said
    assert any("not an alias" in what for _, _, what in said)


def test_gc_keeps_what_a_version_names_though_its_run_put_another_file_there(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, _ = registry.people
    monkeypatch.chdir(ada.path)
    with gtrack.start_run() as run:
        for text in ("one", "two"):
            run.log_text(text, "model/weights.txt")
            gtrack.register_model(f"runs:/{run.id}/model", MODEL)
        run.log_text("three", "model/weights.txt")
    versions = ada.model().versions
    held = [version_artifacts(ada.repository, version)[0] for version in versions]
    known = references(ada.repository)
    assert all(artifact.object in known.fixed for artifact in held)
    assert known.registered[run.id] == MODEL


def test_neither_a_pull_nor_an_inbox_nor_a_plain_git_push_claims_numbers(registry: Registry) -> None:
    ada, ben = registry.people
    made = ada.register(registry.run_id)
    ada.send_to_inbox()
    inbox = git(registry.bare, "for-each-ref", "--format=%(refname)", "refs/gtrack/inbox")
    assert "/numbers/" not in git(registry.bare, "ls-tree", "-r", "--name-only", inbox)
    ada.pull()
    git(ada.path, "push", "-q", "origin", "gtrack")
    assert not [path for path in registry.tree() if "/numbers/" in path]
    ben.pull()
    assert ben.model().every[0].number is None
    assert ben.push().numbered == ((MODEL, 1, made.uid),), "whoever pushes next claims it"


def test_of_two_pushes_at_once_each_version_has_its_own_number(registry: Registry) -> None:
    ada, ben = registry.people
    hers, his = ada.register(registry.run_id), ben.register(registry.run_id)
    joining, left = pushing.join_tips, [ben]

    def join_after(*args, **options):  # type: ignore[no-untyped-def]
        joined = joining(*args, **options)
        if left:
            assert joined.claims.numbered == ((MODEL, 1, hers.uid),)
            left.pop().push()
        return joined

    pushing.join_tips = join_after
    try:
        done = ada.push()
    finally:
        pushing.join_tips = joining
    assert (done.attempts, done.numbered) == (2, ((MODEL, 2, hers.uid),))
    assert ada.model().numbers.by_uid == {his.uid: 1, hers.uid: 2}
