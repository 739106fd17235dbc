"""Which store is used: one's own, or the team's once somebody here agreed to exactly that; and where that is kept."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_servers import StoreServer
from store_world import World, git, type_in

from gtrack.branch.repository import Repository
from gtrack.errors import UsageError
from gtrack.format import yaml
from gtrack.ops.store_settings import repository_id, store_choice, usable_store
from gtrack.ops.team_edit import set_team_value
from gtrack.store.url import Location


def choice(where: Path) -> tuple[str, bool] | None:
    """Return the store of a clone, and whether it may be used."""
    with Repository(str(where), os.environ) as repo:
        found = store_choice(repo)
        assert (usable_store(repo) is not None) == bool(found and found.agreed)
        return None if found is None else (found.location.url, found.agreed)


def test_a_store_that_comes_with_the_repository_is_used_once_somebody_agreed(world: World) -> None:
    type_in(world.ada, "store", "set", str(world.store))
    assert choice(world.ada) == (str(world.store), True)
    bob = world.colleague()
    assert choice(bob) is None  # it is on the default branch that it counts
    world.share()
    git(bob, "fetch", "-q")
    assert choice(bob) == (str(world.store), False)
    assert "gtrack store accept" in type_in(bob, "store", "check", code=2).err
    type_in(bob, "store", "accept")
    assert choice(bob) == (str(world.store), True)


def test_another_url_or_another_endpoint_is_asked_about_again(world: World) -> None:
    bob = world.colleague()
    for text in (
        "store: s3://team-store",
        "store: s3://other-store",
        'store: {"url": "s3://other-store", "options": {"endpoint_url": "http://minio.example.org"}}',
    ):
        (world.ada / "gtrack.yaml").write_text(f"{text}\n")
        world.share()
        git(bob, "fetch", "-q")
        found = choice(bob)
        assert found is not None
        assert not found[1]
        type_in(bob, "store", "accept")
        assert choice(bob) == (found[0], True)


def test_what_a_branch_under_review_says_is_not_the_teams_word(world: World) -> None:
    (world.ada / "gtrack.yaml").write_text("store: s3://somebody-elses\n")
    assert choice(world.ada) is None


def test_ones_own_choice_stands_above_the_teams_until_it_is_given_up(world: World) -> None:
    (world.ada / "gtrack.yaml").write_text("store: s3://team-store\n")
    world.share()
    type_in(world.ada, "store", "set", str(world.store), "--here")
    assert (world.ada / "gtrack.yaml").read_text() == "store: s3://team-store\n"
    assert choice(world.ada) == (str(world.store), True)
    assert "s3://team-store (to follow it: gtrack store accept)" in type_in(world.ada, "store", "status").out
    assert "nobody here agreed" not in type_in(world.ada, "store", "unset").out
    assert choice(world.ada) == ("s3://team-store", False)
    git(world.ada, "config", "gtrack.store", "off")
    assert choice(world.ada) is None


def test_who_sets_the_teams_store_has_agreed_to_it(world: World) -> None:
    type_in(world.ada, "store", "set", str(world.store))
    world.share()
    type_in(world.ada, "store", "unset")
    assert choice(world.ada) == (str(world.store), True)


@pytest.mark.parametrize(
    "text",
    [
        "store: 3",
        "store: memory://x",
        "store: s3://AKIA:hunter2@bucket",
        "store: simplecache::s3://bucket",
        'store: {"url": "s3://bucket", "options": {"secret": "hunter2"}}',
        'store: {"url": "s3://bucket", "options": {"profile": "root"}}',
        "store: ../elsewhere",
    ],
)
def test_a_team_file_that_names_no_store_names_none_and_is_told_of(world: World, text: str) -> None:
    (world.ada / "gtrack.yaml").write_text(f"{text}\npush: end\n")
    world.share()
    assert choice(world.ada) is None
    said = type_in(world.ada, "store", "status")
    assert "store cannot be used" in said.out
    assert "hunter2" not in said.out + said.err
    type_in(world.ada, "store", "accept", code=2)


def test_credentials_are_kept_nowhere(world: World) -> None:
    for arguments in (["s3://AKIA:hunter2@b"], ["s3://b", "--option", "secret=hunter2"], ["sftp://ada:hunter2@h/x"]):
        said = type_in(world.ada, "store", "set", *arguments, code=2)
        assert "hunter2" not in said.out + said.err
    assert "hunter2" not in (world.ada / ".git" / "config").read_text()
    assert not (world.ada / "gtrack.yaml").exists()


def test_a_relative_path_is_meant_from_where_it_is_typed_and_kept_whole(world: World) -> None:
    type_in(world.ada, "store", "set", "../store")
    assert (world.ada / "gtrack.yaml").read_text().endswith(f"store: {world.store}\n")
    assert world.store.is_dir()
    type_in(world.ada, "store", "set", ".git/store", code=2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", None),
        ("# ours\npush: end  # at night\n", "# ours\npush: end  # at night\nstore: s3://b/x\n"),
        ("push: end", "push: end\nstore: s3://b/x\n"),
        ("store: /old  # why\npush: end\n", "store: s3://b/x  # why\npush: end\n"),
        ('"store": /old\n\n# next\npush: end\n', "store: s3://b/x\n\n# next\npush: end\n"),
        ("a: 1\nstore:\n  url: s3://old\n  options: {}\n\npush: end\n", "a: 1\nstore: s3://b/x\n\npush: end\n"),
        ("push: end\r\nstore: /old\r\n", "push: end\r\nstore: s3://b/x\r\n"),
    ],
)
def test_the_team_file_keeps_everything_else(world: World, before: str, after: str | None) -> None:
    path = world.ada / "gtrack.yaml"
    path.write_bytes(before.encode())
    path.chmod(0o664)
    with Repository(str(world.ada), os.environ) as repo:
        set_team_value(repo, "store", "s3://b/x")
    if after is not None:
        assert path.read_bytes().decode() == after
    assert path.stat().st_mode & 0o777 == 0o664
    assert yaml.load(path.read_bytes())["store"] == "s3://b/x"


@pytest.mark.parametrize("before", ["{push: end}\n", "store: [\n", "- a\n", "store: /a\nstore: /b\n", "a: &x 1\n"])
def test_a_team_file_that_cannot_be_edited_safely_is_left_alone(world: World, before: str) -> None:
    path = world.ada / "gtrack.yaml"
    path.write_text(before)
    with Repository(str(world.ada), os.environ) as repo, pytest.raises(UsageError):
        set_team_value(repo, "store", "s3://b/x")
    assert path.read_text() == before


def test_a_link_is_not_written_through(world: World) -> None:
    (world.root / "elsewhere").write_text("push: end\n")
    (world.ada / "gtrack.yaml").symlink_to(world.root / "elsewhere")
    type_in(world.ada, "store", "set", str(world.store), code=2)
    assert (world.root / "elsewhere").read_text() == "push: end\n"


_keys = st.sampled_from(["push", "code", "a", "on_commit", "store", "retention"])
_values = st.sampled_from(["end", '"x: # y"', "{}", "[1, 2]", "\n  a: 1\n  b: 2", "\n- a\n- b"])


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(_keys, _values, st.sampled_from(["", "  # why", "\n", "\n# note"])), unique_by=lambda each: each[0]
    )
)
def test_only_one_setting_changes_whatever_the_file_is(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str, str]]
) -> None:
    root = tmp_path_factory.getbasetemp() / "edited"
    if not root.exists():
        git(tmp_path_factory.getbasetemp(), "init", "-q", str(root))
    path = root / "gtrack.yaml"
    path.write_text(
        "".join(f"{key}:{'' if value[0] == chr(10) else ' '}{value}{after}\n" for key, value, after in entries)
    )
    before = path.read_bytes()
    try:
        known = yaml.load(before) if entries else {}
    except ValueError:
        return
    with Repository(str(root), os.environ) as repo:
        try:
            set_team_value(repo, "store", "s3://b/x")
        except UsageError:
            assert path.read_bytes() == before
            return
    assert yaml.load(path.read_bytes()) == {**known, "store": "s3://b/x"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ada:pw@github.com/acme/churn.git", "github.com/acme/churn"),
        ("git@GitHub.com:acme/churn.git", "github.com/acme/churn"),
        ("ssh://git@github.com:22/acme/churn", "github.com/acme/churn"),
        ("/srv/git/churn.git", f"{os.uname().nodename}:/srv/git/churn.git"),
        ("file:///srv/git/churn.git", f"{os.uname().nodename}:/srv/git/churn.git"),
    ],
)
def test_a_repository_is_known_by_where_its_runs_are(world: World, url: str, expected: str) -> None:
    git(world.ada, "config", "remote.origin.url", url)
    with Repository(str(world.ada), os.environ) as repo:
        assert repository_id(repo) == expected


def test_what_one_machine_calls_localhost_is_known_by_machine_and_port(world: World) -> None:
    found = set()
    for port in (9418, 9419):
        git(world.ada, "config", "remote.origin.url", f"git://localhost:{port}/team.git")
        with Repository(str(world.ada), os.environ) as repo:
            found.add(repository_id(repo))
    assert found == {f"{socket.gethostname()}:localhost:{port}/team" for port in (9418, 9419)}


def test_a_check_tries_everything_and_leaves_nothing(server: StoreServer, location: Location, world: World) -> None:
    options = [part for key, value in location.options.items() for part in ("--option", f"{key}={value}")]
    type_in(world.ada, "store", "set", location.url, *options, "--here")
    said = type_in(world.ada, "store", "check")
    assert said.out == f"{location.shown}: write, look, read, list, remove: all fine\n"
    told = type_in(world.ada, "store", "status", "--json").json
    assert told["reachable"] is True
    assert len(told["repositories"]) == 1  # type: ignore[arg-type]
    assert "3 files" not in type_in(world.ada, "push").out
    assert "all fine" in type_in(world.ada, "store", "check").out


@pytest.mark.parametrize("server", ["s3"], indirect=True)
def test_a_bucket_that_is_not_there_is_said_in_words(server: StoreServer, world: World) -> None:
    endpoint = f"endpoint_url=http://127.0.0.1:{server.port}"
    said = type_in(world.ada, "store", "set", "s3://no-such-bucket/x", "--option", endpoint, "--here")
    assert (
        "it does not work yet: cannot write to s3://no-such-bucket/x: The specified bucket does not exist" in said.err
    )
    assert "bucket does not exist" in type_in(world.ada, "store", "check", code=5).err


@pytest.mark.parametrize("server", ["sftp"], indirect=True)
def test_a_host_whose_key_is_not_known_is_not_trusted(
    server: StoreServer, location: Location, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    kept = known.read_text()
    known.write_text("")
    try:
        type_in(world.ada, "store", "set", location.url, "--here")
        said = type_in(world.ada, "store", "check", code=5)
    finally:
        known.write_text(kept)
    assert "Host key is not trusted" in said.err
    assert "hint: connect to it once with ssh" in said.err


def test_a_store_of_a_newer_gtrack_is_left_alone(world: World) -> None:
    type_in(world.ada, "store", "set", str(world.store))
    (world.store / "store.yaml").unlink()
    (world.store / "store.yaml").write_text("format: 2\n")
    assert "format 2" in type_in(world.ada, "store", "check", code=7).err
    said = type_in(world.ada, "push")
    assert "format 2" in said.err
    assert not (world.store / "objects").exists()
