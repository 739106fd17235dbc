"""A promotion makes one tag at the remote, whoever pushes it, however often, and whatever goes wrong on the way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_team import MODEL, Person, Registry, git

import gtrack
from gtrack.format import names
from gtrack.ops import push as pushing
from gtrack.ops.model_events import set_alias
from gtrack.ops.model_stages import approve, promote, rollback
from gtrack.ops.promotion_tags import tag_name

TAG = "churn@production/v1"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path, ("Ada", "Ben"))
    yield made
    made.close()


@pytest.fixture
def ada(registry: Registry) -> Person:
    return registry.people[0]


@pytest.fixture
def ben(registry: Registry) -> Person:
    return registry.people[1]


def test_a_promotion_makes_an_annotated_tag_that_says_what_it_is(registry: Registry, ada: Person) -> None:
    version = ada.register(registry.run_id)
    promote(ada.repository, version.name, "production", reason="good")
    done = ada.push()
    assert [(tag.name, tag.status) for tag in done.tags] == [(TAG, "created")]
    commit = git(registry.bare, "rev-parse", "main")
    assert registry.tags() == {TAG: commit}
    shown = git(registry.bare, "cat-file", "tag", TAG)
    for fact in (version.uid, registry.run_id, commit, version.digest, "churn v1 to Production", "Ada <ada@"):
        assert fact in shown
    git(registry.bare, "fsck", "--strict")
    assert git(ada.path, "tag", "--list") == "", "nothing of the user's own references changed"


def test_promoted_twice_and_pushed_again_it_is_made_once(registry: Registry, ada: Person) -> None:
    version = ada.register(registry.run_id)
    assert promote(ada.repository, version.name, "production").event is not None
    assert promote(ada.repository, version.name, "production").event is None
    ada.push()
    first = git(registry.bare, "rev-parse", f"refs/tags/{TAG}")
    promote(ada.repository, "churn/1", "archived")
    ada.push()
    promote(ada.repository, "churn/1", "production")
    assert [(tag.name, tag.status) for tag in ada.push().tags] == [(TAG, "exists")]
    assert ada.push().tags == ()
    assert git(registry.bare, "rev-parse", f"refs/tags/{TAG}") == first


def test_on_two_machines_at_once_it_is_made_once(registry: Registry, ada: Person, ben: Person) -> None:
    ada.register(registry.run_id)
    ada.push()
    ben.pull()
    for person in (ada, ben):
        promote(person.repository, "churn/1", "production")
    ada.push()
    first = git(registry.bare, "rev-parse", f"refs/tags/{TAG}")
    ben.push()
    ada.push()
    assert list(registry.tags()) == [TAG]
    assert git(registry.bare, "rev-parse", f"refs/tags/{TAG}") == first


def test_offline_it_waits_and_a_push_that_breaks_off_is_made_good(
    registry: Registry, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = ada.register(registry.run_id)
    promote(ada.repository, version.name, "production")
    assert registry.tags() == {}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pushing, "tag_promotions", killed)
    with pytest.raises(KeyboardInterrupt):
        ada.push()  # the branch is there, the tag is not
    monkeypatch.undo()
    assert registry.tags() == {}
    assert [(tag.name, tag.status) for tag in ada.push().tags] == [(TAG, "created")]
    assert not os.path.exists(os.path.join(ada.repository.paths.home, "promotion-tags.json"))


def test_what_the_server_refuses_is_told_and_tried_again(registry: Registry, ada: Person) -> None:
    hook = registry.bare / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*) echo "tags are protected" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    version = ada.register(registry.run_id)
    promote(ada.repository, version.name, "production")
    done = ada.push()
    assert done.place == "branch"
    assert [(tag.name, tag.status) for tag in done.tags] == [(TAG, "failed")]
    assert "tags are protected" in done.tags[0].why
    hook.unlink()
    assert [tag.status for tag in ada.push().tags] == ["created"]


def test_a_tag_that_somebody_removed_is_not_made_again_by_others(registry: Registry, ada: Person, ben: Person) -> None:
    version = ada.register(registry.run_id)
    promote(ada.repository, version.name, "production")
    ada.push()
    git(registry.bare, "tag", "-d", TAG)
    ben.pull()
    set_alias(ben.repository, MODEL, "champion", 1)
    assert ben.push().tags == ()
    assert ada.push().tags == ()


def test_staging_has_a_tag_of_its_own_and_what_is_not_in_effect_has_none(registry: Registry, ada: Person) -> None:
    one, two = ada.register(registry.run_id), ada.register(registry.run_id)
    promote(ada.repository, one.name, "production")
    promote(ada.repository, two.name, "production")  # which archives the first
    promote(ada.repository, one.name, "staging")
    ada.push()
    assert sorted(registry.tags()) == ["churn@production/v2", "churn@staging/v1"]
    rollback(ada.repository, MODEL, "production")
    ada.push()
    assert sorted(registry.tags()) == [TAG, "churn@production/v2", "churn@staging/v1"]


def test_the_push_that_brings_the_last_approval_makes_the_tag(tmp_path: Path) -> None:
    registry = Registry(tmp_path, ())
    seed = tmp_path / "seed"
    policy = {"policy": {"models": {"churn": {"production": {"approvals": 1}}}}}
    (seed / "gtrack.yaml").write_text(json.dumps(policy))
    git(seed, "add", "gtrack.yaml")
    git(seed, "commit", "-q", "-m", "policy")
    git(seed, "push", "-q", "origin", "HEAD:main")
    ada, ben = registry.clone("Ada"), registry.clone("Ben")
    try:
        version = ada.register(registry.run_id)
        assert promote(ada.repository, version.name, "production").outcome["pending"]
        assert ada.push().tags == ()
        ben.pull()
        assert approve(ben.repository, "churn/1", "production").outcome["effective"]
        assert [tag.name for tag in ben.push().tags] == [TAG]
        assert "approved by: Ben" in git(registry.bare, "cat-file", "tag", TAG)
    finally:
        ada.close()
        ben.close()


def test_a_disputed_promotion_has_no_tag_before_it_is_settled(registry: Registry, ada: Person, ben: Person) -> None:
    for _ in range(2):
        ada.register(registry.run_id)
    ada.push()
    ben.pull()
    promote(ada.repository, "churn/1", "production")
    promote(ben.repository, "churn/2", "production")
    ada.push()
    assert list(registry.tags()) == [TAG]
    assert ben.push().tags == ()
    promote(ben.repository, "churn/2", "production")
    ben.push()
    assert sorted(registry.tags()) == [TAG, "churn@production/v2"]


def test_code_that_the_remote_lacks_is_not_published_by_a_tag(registry: Registry, ada: Person) -> None:
    (ada.path / "secret.py").write_text("not yours\n")
    git(ada.path, "add", ".")
    git(ada.path, "commit", "-q", "-m", "never pushed")
    local = git(ada.path, "rev-parse", "HEAD")
    before = os.getcwd()
    os.chdir(ada.path)
    try:
        with gtrack.start_run(name="mine") as run:
            run.log_artifact(b"mine", "model", name="model.bin")
    finally:
        os.chdir(before)
    version = ada.register(run.id)
    promote(ada.repository, version.name, "production")
    ada.push()
    assert registry.tags() == {TAG: git(registry.bare, "rev-parse", "main")}
    assert local in git(registry.bare, "cat-file", "tag", TAG), "the message names the commit"
    listed = git(registry.bare, "cat-file", "--batch-all-objects", "--batch-check")
    assert local not in listed


@pytest.mark.parametrize("name", ["a..b", "x.lock", "Größe 2", "churn.", "~"])
def test_the_name_of_a_tag_is_one_that_git_takes(name: str, tmp_path: Path) -> None:
    git(tmp_path, "check-ref-format", f"refs/tags/{tag_name(name, 'Production', 3)}")
    assert names.model_dir(name) is not None


def test_it_works_without_the_git_executable(registry: Registry, ada: Person, ben: Person) -> None:
    ada.repository.git = None
    version = ada.register(registry.run_id)
    promote(ada.repository, version.name, "production")
    done = ada.push()
    assert done.numbered == ((MODEL, 1, version.uid),)
    assert registry.tags() == {TAG: git(registry.bare, "rev-parse", "main")}
    ben.pull()
    promote(ben.repository, "churn/1", "archived")
    ben.push()
    ada.pull()
    promote(ada.repository, "churn/1", "production")
    assert [tag.status for tag in ada.push().tags] == ["exists"]
