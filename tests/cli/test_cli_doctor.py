"""What doctor says about repositories in every shape."""

from __future__ import annotations

import json

import pytest


def checks(project, *argv: str, **env: str) -> dict[str, dict[str, str]]:
    done = project.gtrack(*argv, "doctor", "--json", **env)
    return {check["name"]: check for check in json.loads(done.out)}


def test_all_is_well_in_a_plain_repository_and_nothing_is_changed(project):
    before = sorted(str(path) for path in project.root.rglob("*"))
    done = project.gtrack("doctor")
    assert done.code == 0
    assert done.err == ""
    assert sorted(str(path) for path in project.root.rglob("*")) == before
    assert {check["level"] for check in checks(project).values()} == {"ok"}


def test_outside_of_a_repository_it_fails_and_says_what_to_type(outside):
    done = outside.gtrack("doctor")
    assert done.code == 1
    assert "git init" in done.out


def test_a_branch_in_the_way_is_named(project):
    project.git("branch", "gtrack/old")
    found = checks(project)["branch"]
    assert found["level"] == "fail"
    assert found["hint"].startswith("git branch -m gtrack/old")
    project.git(*found["hint"].split()[1:])
    assert checks(project)["branch"]["level"] == "ok"


def test_a_checked_out_branch_is_named(project, tmp_path):
    project.ok("log", "a=1")
    project.git("worktree", "add", "-q", str(tmp_path / "runs"), "gtrack")
    assert checks(project)["branch"]["level"] == "fail"


def test_a_branch_of_something_else_is_named(project):
    project.git("branch", "gtrack")
    assert "holds no runs" in checks(project)["branch"]["detail"]


def test_a_missing_identity_is_a_warning(project):
    found = checks(project, GIT_AUTHOR_NAME="", GIT_AUTHOR_EMAIL="")["identity"]
    assert found["level"] == "warn"
    assert "git config --global user.name" in found["hint"]
    assert project.gtrack("doctor", GIT_AUTHOR_NAME="").code == 0


def test_without_git_there_is_a_warning(project, tmp_path):
    found = checks(project, PATH=str(tmp_path))["git"]
    assert found["level"] == "warn"


def test_kinds_of_repositories_are_told(project, tmp_path):
    project.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    assert "linked worktree" in checks(project, "-C", str(tmp_path / "linked"))["repository"]["detail"]
    project.git("clone", "-q", "--bare", str(project.root), str(tmp_path / "bare.git"))
    assert "bare" in checks(project, "-C", str(tmp_path / "bare.git"))["repository"]["detail"]
    project.git("clone", "-q", "--depth=1", f"file://{project.root}", str(tmp_path / "shallow"))
    assert "shallow" in checks(project, "-C", str(tmp_path / "shallow"))["repository"]["detail"]


def test_an_unknown_extension_is_refused_by_name(project):
    project.git("config", "core.repositoryformatversion", "1")
    project.git("config", "extensions.fromthefuture", "true")
    done = project.gtrack("doctor")
    assert done.code == 1
    assert "fromthefuture" in done.out


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("remote.backup.mirror", "true", "mirrors"),
        ("remote.origin.fetch", "+refs/*:refs/*", "overwrites"),
        ("remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main", "does not bring"),
        ("gc.pruneExpire", "now", "git gc"),
    ],
)
def test_configuration_that_endangers_runs_is_named_with_its_remedy(project, key, value, said):
    project.git("config", "remote.origin.url", "https://example.org/churn.git")
    project.git("config", key, value)
    found = checks(project)["git config"]
    assert found["level"] == "warn"
    assert said in found["detail"]
    remedy = found["hint"].replace("'", "").split()[1:]
    project.git(*remedy)
    if "set-branches" in remedy:
        assert "+refs/heads/gtrack:refs/remotes/origin/gtrack" in project.git("config", "--get-all", key)
    assert checks(project)["git config"]["level"] == "ok"


def test_a_spool_in_an_impossible_place_is_named(project):
    assert checks(project, GTRACK_SPOOL="/proc/1/gtrack")["spool"]["level"] == "fail"


def test_a_bad_setting_is_named(project):
    found = checks(project, GTRACK_CODE="everything")["settings"]
    assert (found["level"], "GTRACK_CODE" in found["detail"]) == ("fail", True)


def test_textconv_is_told(project):
    assert checks(project)["textconv"]["hint"] == "gtrack init --textconv"
    project.ok("init", "--textconv")
    assert checks(project)["textconv"]["hint"] is None
