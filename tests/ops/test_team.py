"""gtrack.yaml: which version counts, what it may say, what stands above it, what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.branch.repository import Repository
from gtrack.branch.team import LIMIT
from gtrack.config import Settings
from gtrack.errors import GtrackError, ParseError, UsageError
from gtrack.ops.team import OnCommit, effective, team_settings


def git(where: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=where, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_file(where: Path, text: str | None, name: str = "gtrack.yaml") -> str:
    """Commit a file (or its removal) and return the commit."""
    path = where / name
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    git(where, "add", "-A")
    git(where, "commit", "-q", "--allow-empty", "-m", f"change {name}")
    return git(where, "rev-parse", "HEAD")


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A repository without a remote."""
    root = tmp_path / "alone"
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    commit_file(root, "print('training')\n", "train.py")
    return root


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository for tests that need no more than a file of their own in HEAD."""
    root = tmp_path_factory.mktemp("shared")
    git(root, "init", "-q", "-b", "main")
    return root


@pytest.fixture
def clone(alone: Path, tmp_path: Path) -> Path:
    """A clone of it."""
    git(tmp_path, "clone", "-q", str(alone), "clone")
    return tmp_path / "clone"


def team_of(where: Path, **env: str):
    with Repository(str(where), {**os.environ, **env}) as repo:
        return team_settings(repo)


def effective_of(where: Path, given: Settings | None = None, *, strict: bool = False):
    warned: list[str] = []
    with Repository(str(where), os.environ) as repo:
        return effective(given or Settings(), repo, warn=warned.append, strict=strict), warned


# -- which version counts


def test_a_repository_without_commits_has_no_settings(tmp_path):
    git(tmp_path, "init", "-q", "unborn")
    assert team_of(tmp_path / "unborn").where is None


def test_without_a_remote_the_version_in_head_counts_and_not_the_working_trees(alone):
    commit = commit_file(alone, "push: end\n")
    (alone / "gtrack.yaml").write_text("push: segment\n")
    team = team_of(alone)
    assert team.push == "end"
    assert team.where == f"gtrack.yaml at HEAD ({commit[:7]})"


def test_the_default_branch_of_the_tracking_remote_counts_as_it_was_fetched(alone, clone):
    commit_file(clone, "push: segment\n")  # a branch under review says what it likes
    commit_file(alone, "push: end\n")
    assert team_of(clone).push is None
    git(clone, "fetch", "-q")
    team = team_of(clone)
    assert team.push == "end"
    assert "origin/HEAD" in str(team.where)


@pytest.mark.parametrize(
    ("branches", "wanted"), [(("main", "dev"), "main"), (("master", "x"), "master"), (("x",), "x")]
)
def test_where_the_remotes_head_is_unknown_main_master_or_the_only_branch_counts(alone, clone, branches, wanted):
    first = git(alone, "rev-parse", "HEAD")
    for branch in branches:
        git(alone, "checkout", "-q", "-B", branch, first)
        commit_file(alone, f"experiment: {branch}\n")
    git(clone, "remote", "set-head", "origin", "--delete")
    git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    for branch in branches:
        git(clone, "fetch", "-q", "origin", f"+{branch}:refs/remotes/origin/{branch}")
    git(clone, "update-ref", "refs/remotes/origin/gtrack", first)
    assert team_of(clone).experiment == wanted


def test_a_remote_for_runs_alone_leaves_the_word_to_origin(alone, clone, tmp_path):
    commit_file(alone, "push: end\n")
    git(clone, "fetch", "-q")
    git(tmp_path, "init", "-q", "--bare", "runs.git")
    git(clone, "push", "-q", str(tmp_path / "runs.git"), "HEAD~0:refs/heads/gtrack")
    git(clone, "remote", "add", "runs", str(tmp_path / "runs.git"))
    git(clone, "config", "gtrack.remote", "runs")
    git(clone, "fetch", "-q", "runs")
    # A hosting service takes the first branch it sees for the default one.
    git(clone, "symbolic-ref", "refs/remotes/runs/HEAD", "refs/remotes/runs/gtrack")
    assert team_of(clone).push == "end"


def test_the_word_of_another_remote_counts_for_nothing(alone, clone, tmp_path):
    git(tmp_path, "clone", "-q", str(alone), "fork")
    commit_file(tmp_path / "fork", "push: segment\ncode: off\n")
    git(clone, "remote", "add", "fork", str(tmp_path / "fork"))
    git(clone, "fetch", "-q", "fork")
    assert effective_of(clone)[0] == Settings()


def test_a_linked_worktree_asks_the_same_file(clone, alone, tmp_path):
    commit_file(alone, "push: end\n")
    git(clone, "fetch", "-q")
    git(clone, "worktree", "add", "-q", str(tmp_path / "tree"))
    assert team_of(tmp_path / "tree").push == "end"


def test_without_git_the_file_is_read_all_the_same(alone):
    commit_file(alone, "push: end\non_commit: [metrics.json]\n")
    team = team_of(alone, PATH="/nowhere")
    assert (team.push, team.on_commit) == ("end", (OnCommit("metrics.json"),))


def test_in_a_sha256_repository_it_is_the_same(tmp_path):
    root = tmp_path / "long"
    git(tmp_path, "init", "-q", "--object-format=sha256", str(root))
    commit_file(root, "push: end\n")
    assert team_of(root).push == "end"


# -- what it may say


def test_every_key_is_read(shared):
    commit_file(
        shared,
        "push: segment\nsegment_every: 10m\ncode: commit-only\nexperiment: churn\n"
        "on_commit:\n  - metrics: ./metrics.json\n  - params: params.yaml\n  - results/*.csv\n",
    )
    team = team_of(shared)
    assert (team.push, team.segment_every, team.code, team.experiment) == ("segment", 600.0, "commit-only", "churn")
    assert team.on_commit == (
        OnCommit("metrics.json", "metrics"),
        OnCommit("params.yaml", "params"),
        OnCommit("results/*.csv"),
    )
    assert (team.problems, team.remarks) == ((), ())


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing yet\n", "push:\n", "store: s3://x\npolicy: {a: 1}\nretention: 1\n"]
)
def test_what_says_nothing_yet_is_no_mistake(shared, text):
    commit_file(shared, text)
    team = team_of(shared)
    assert (team.push, team.remarks, [str(p) for p in team.problems]) == (None, (), [])


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("push: sometimes", "push is 'sometimes' (use off, end or segment)"),
        ("push: [end]", "use off, end or segment"),
        ("segment_every: soon", "segment_every is 'soon' (write it like 30s, 10m or 2h"),
        ("segment_every: 0.001s", "at least 1s"),
        ("segment_every: true", "segment_every is 'True'"),
        ("segment_every: .inf", "segment_every"),
        ("code: everything", "use snapshot, commit-only or off"),
        ("experiment: ''", "use a name"),
        ("experiment: " + "x" * 600, "at most 512 bytes"),
        ("on_commit: {metrics: a.json, params: b.yaml}", "metrics: results/*.csv"),
        ("on_commit: [{plots: a.json}]", "metrics: results/*.csv"),
        ("on_commit: [/etc/passwd]", "inside the tree"),
        ("on_commit: [../secrets.yaml]", "no .."),
        ("on_commit: [a/../../b.json]", "no .."),
        ("on_commit: [.GIT/config]", "no .git"),
        ("on_commit: ['a\\b.json']", "slashes"),
        ('on_commit: ["a\\u0007.json"]', "printable"),
        ("on_commit: [" + ", ".join(f"m{i}.json" for i in range(101)) + "]", "at most 100 files"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed_and_costs_no_other(shared, text, allowed):
    commit = commit_file(shared, f"{text}\nexperiment: churn\n" if "experiment" not in text else f"{text}\npush: end\n")
    team = team_of(shared)
    (problem,) = team.problems
    assert isinstance(problem, UsageError)
    assert str(problem).startswith(f"gtrack.yaml at HEAD ({commit[:7]}): ")
    assert allowed in str(problem)
    assert "churn" in (team.experiment or "") or team.push == "end"


def test_an_unknown_key_is_named_and_its_like_suggested(shared):
    commit_file(shared, "segment_evry: 10m\nplots: x\n")
    first, second = team_of(shared).remarks
    assert "'segment_evry'" in first
    assert "did you mean segment_every?" in first
    assert "'plots'" in second


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("push: [end\n", "line"),
        ("- push\n", "line 1"),
        ("push: end\npush: off\n", "twice"),
        ("a: &x 1\nb: *x\n", "line 1"),
        ("a: " + "[" * 30_000, "line 1"),
        ("x: " + "y" * LIMIT, "65,5"),
    ],
    ids=["unclosed", "a list", "twice", "alias", "nesting bomb", "too large"],
)
def test_a_damaged_file_is_told_with_its_place_and_breaks_nothing(shared, data, why):
    commit = commit_file(shared, data)
    for _ in range(2):  # read, then remembered
        filled, warned = effective_of(shared)
        assert filled == Settings()
        assert len(warned) == 1
        assert f"gtrack.yaml at HEAD ({commit[:7]})" in warned[0]
        assert why in warned[0]
    with pytest.raises(ParseError):
        effective_of(shared, strict=True)


def test_a_folder_or_a_link_of_that_name_is_no_file(alone):
    (alone / "gtrack.yaml").mkdir()
    commit_file(alone, "push: end\n", "gtrack.yaml/inner")
    assert "is not a file" in str(team_of(alone).problems[0])
    git(alone, "rm", "-rq", "gtrack.yaml")
    (alone / "gtrack.yaml").symlink_to("/etc/hostname")
    git(alone, "add", "-A")
    git(alone, "commit", "-q", "-m", "link")
    assert team_of(alone).push is None


def test_control_characters_of_a_value_command_no_terminal(shared):
    commit_file(shared, 'push: "\\u001b[2J"\n"\\u001b[2K": 1\n')
    team = team_of(shared)
    assert "\x1b" not in str(team.problems[0]) + team.remarks[0]


@settings(max_examples=20, deadline=None)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_makes_reading_fail(shared, data):
    (shared / "gtrack.yaml").write_bytes(data)
    git(shared, "add", "-A")
    git(shared, "commit", "-q", "--allow-empty", "-m", "x")
    team = team_of(shared)
    assert team.where is not None
    assert all(isinstance(problem, GtrackError) for problem in team.problems)


# -- what stands above it


def test_the_environment_stands_above_git_and_git_above_the_team(alone):
    commit_file(alone, "push: end\nsegment_every: 10m\ncode: commit-only\nexperiment: churn\n")
    filled, _ = effective_of(alone)
    assert (filled.push, filled.segment_every, filled.code, filled.experiment) == ("end", 600.0, "commit-only", "churn")
    for key, value in (("push", "off"), ("segmentEvery", "5m"), ("code", "off")):
        git(alone, "config", f"gtrack.{key}", value)
    filled, _ = effective_of(alone)
    assert (filled.push, filled.segment_every, filled.code) == ("off", 300.0, "off")
    said = Settings(push="segment", segment_every=7.0, code="snapshot", experiment="mine", name="kept")
    assert effective_of(alone, said)[0] == said


def test_segments_can_be_switched_off_for_oneself(alone):
    commit_file(alone, "segment_every: 10m\n")
    assert effective_of(alone, Settings(segment_every=0.0))[0].segment_every is None
    git(alone, "config", "gtrack.segmentEvery", "off")
    assert effective_of(alone)[0].segment_every is None


def test_a_wrong_setting_of_ones_own_is_refused_with_its_name(alone):
    git(alone, "config", "gtrack.push", "always")
    with pytest.raises(UsageError, match=r"git config gtrack.push is 'always' \(use off, end or segment\)"):
        effective_of(alone)


def test_without_a_repository_settings_are_as_they_were():
    assert effective(Settings(push="end"), None, warn=pytest.fail) == Settings(push="end")


def test_a_process_that_starts_many_runs_is_warned_once(alone):
    commit_file(alone, "push: sometimes\nplots: x\n")
    warned: list[str] = []
    with Repository(str(alone), os.environ) as repo:
        for _ in range(5):
            effective(Settings(), repo, warn=warned.append)
    assert len(warned) == 2


# -- what it costs


def test_the_usual_start_asks_no_process_and_no_object(alone, clone):
    commit_file(alone, "push: end\non_commit: [metrics.json]\n")
    git(clone, "fetch", "-q")
    team_of(clone)
    git(clone, "pack-refs", "--all")
    # Git's configuration and the modules behind a repository are needed by a start in any case.
    code = (
        "import os, sys, gtrack.branch.team, gtrack.ops.team as t\n"
        "from gtrack.branch.repository import Repository\n"
        "repo = Repository(sys.argv[1], os.environ)\n"
        "repo.remote\n"
        "before = set(sys.modules)\n"
        "object.__setattr__(repo.git, 'executable', '/nowhere/git')\n"
        "team = t.team_settings(repo)\n"
        "assert team.push == 'end' and not team.problems, team\n"
        "assert 'objects' not in vars(repo)\n"
        "assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(clone)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_memory_follows_the_branch_and_survives_damage(alone):
    commit_file(alone, "push: end\n")
    assert team_of(alone).push == "end"
    commit_file(alone, "other\n", "train.py")
    assert team_of(alone).push == "end"
    commit_file(alone, "push: segment\n")
    assert team_of(alone).push == "segment"
    commit_file(alone, None)
    assert team_of(alone).push is None
    memory = alone / ".git" / "gtrack" / "team.json"
    commit_file(alone, "push: end\n")
    for content in ("", "{", "[]", '{"version": 1}', '{"version": 99, "commit": ""}', '{"version": 1, "commit": []}'):
        memory.write_text(content)
        assert team_of(alone).push == "end"


def test_a_repository_that_cannot_be_written_is_read_anew(alone):
    commit_file(alone, "push: end\n")
    (alone / ".git" / "gtrack").write_text("in the way")
    assert team_of(alone).push == "end"


def test_a_partial_clone_is_not_sent_to_the_network(alone, tmp_path):
    commit_file(alone, "push: end\n")
    git(alone, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{alone}", "partial")
    team = team_of(tmp_path / "partial")
    assert team.push is None
    assert team.problems
    git(tmp_path / "partial", "show", "HEAD:gtrack.yaml")
    assert team_of(tmp_path / "partial").push == "end"
