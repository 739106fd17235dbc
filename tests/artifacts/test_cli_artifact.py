"""``gtrack artifact``: what a colleague sees and gets with no set-up at all."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from artifact_desk import BIG, MIDDLE, PLOT, SAID, Desk, Said, desk, files_below, shared_desk

__all__ = ["desk", "shared_desk"]

SMALL = {
    "plots/roc.png": PLOT,
    "plots/pr.png": PLOT[::-1],
    "report.txt": SAID.encode(),
    "middle.bin": MIDDLE,
    "page.html": b"<script>alert(1)</script>",
}


def test_a_colleague_gets_every_small_artifact_with_nothing_set_up(desk: Desk, tmp_path: Path) -> None:
    assert {path: each["where"] for path, each in desk.listed(desk.bob, "plots").items()} == dict.fromkeys(SMALL, "git")
    said = desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "out"))
    assert files_below(tmp_path / "out") == SMALL
    assert "5 files" in said.err
    assert {each["where"] for each in desk.listed(desk.bob, "plots").values()} == {"here"}
    again = desk.type(desk.bob, "artifact", "get", "plots", "-o", str(tmp_path / "out"))
    assert "0 files (0 B) written" in again.err
    assert "5 there already" in again.err


def test_what_is_too_large_waits_on_its_host_and_holds_back_nothing(desk: Desk, tmp_path: Path) -> None:
    [row] = desk.listed(desk.bob, "large").values()
    assert (row["where"], row["size"], row["host"]) == ("pending", len(BIG), os.uname().nodename)
    said = desk.type(desk.bob, "artifact", "get", "large", "-o", str(tmp_path / "out"), code=3)
    short = desk.run_id("large")[:7]
    assert f"model.pkl of run {short} is not here, nor at origin: it waits on {os.uname().nodename}" in said.err
    assert "gtrack store set" in said.err
    assert not (tmp_path / "out").exists() or files_below(tmp_path / "out") == {}
    desk.type(desk.ada, "artifact", "get", "large", "-o", str(tmp_path / "hers"))
    assert files_below(tmp_path / "hers") == {"model.pkl": b"".join([BIG[:1024]] * 3000)}


def test_a_push_says_what_waits_and_what_to_type(shared_desk: tuple[Desk, Said]) -> None:
    said = shared_desk[1]
    assert "2 runs" in said.out
    assert "not sent: 1 file (2.9 MiB)" in said.err
    assert "gtrack store set" in said.err


def test_a_run_a_folder_a_pattern_and_a_path_name_artifacts(desk: Desk, tmp_path: Path) -> None:
    for wanted, paths in (
        ("plots/report.txt", {"report.txt"}),
        ("plots/plots", {"plots/roc.png", "plots/pr.png"}),
        ("plots/plots/", {"plots/roc.png", "plots/pr.png"}),
        ("plots/*.png", {"plots/roc.png", "plots/pr.png"}),
        ("plots/plots/r*", {"plots/roc.png"}),
        ("last~1", set(SMALL)),
    ):
        assert set(desk.listed(desk.bob, wanted)) == paths, wanted


def test_a_run_of_a_revision_with_a_slash_is_found(desk: Desk) -> None:
    subprocess.run(["git", "branch", "feature/x"], cwd=desk.bob, check=True)
    for selector in ("rev:feature/x/model.pkl", "feature/x/model.pkl"):
        assert set(desk.listed(desk.bob, selector)) == {"model.pkl"}


def test_what_there_is_not_is_answered_with_what_was_meant(desk: Desk) -> None:
    for wanted, answer in (
        ("plots/reprt.txt", "did you mean 'report.txt'?"),
        ("plots/*.gif", "no artifact that '*.gif' matches"),
        ("nothing/x", "no run 'nothing/x'"),
    ):
        assert answer in desk.type(desk.bob, "artifact", "ls", wanted, code=3).err
    assert "Name runs" in desk.type(desk.bob, "artifact", "ls", code=2).err
    assert "not both" in desk.type(desk.bob, "artifact", "ls", "last", "--where", "name = 'x'", code=2).err


def test_a_filter_names_the_artifacts_of_many_runs_each_in_a_folder_of_its_own(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    desk.type(desk.ada, "artifact", "get", "--where", "experiment = 'churn'", "-o", str(out))
    plots, large = desk.run_id("plots")[:7], desk.run_id("large")[:7]
    assert set(files_below(out)) == {f"{plots}/{path}" for path in SMALL} | {f"{large}/model.pkl"}


def test_the_table_fits_and_names_keys_steps_and_places(desk: Desk) -> None:
    said = desk.type(desk.bob, "artifact", "ls", "plots", "large", COLUMNS="120")
    lines = said.out.splitlines()
    assert lines[0].split() == ["RUN", "PATH", "SIZE", "TYPE", "KEY", "STEP", "LOGGED", "WHERE"]
    roc = next(line for line in lines if "roc.png" in line).split()
    assert {"plots/roc.png", "image/png", "roc", "1", "git"} <= set(roc)
    assert "6 artifacts" in said.err
    for form in ("--jsonl", "--csv", "--md"):
        assert "plots/roc.png" in desk.type(desk.bob, "artifact", "ls", "plots", form).out.replace("\\", "")


def test_show_names_the_first_artifacts_and_how_many_there_are(desk: Desk) -> None:
    shown = desk.type(desk.bob, "show", "plots").out
    assert "Artifacts" in shown
    assert "plots/roc.png" in shown
    assert "5 artifacts, " in shown
    assert "## Artifacts" in desk.type(desk.bob, "show", "plots", "--md").out


def test_cat_gives_the_bytes_as_they_are(desk: Desk) -> None:
    code = "import sys; from gtrack.cli import main; sys.exit(main(sys.argv[1:]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, "artifact", "cat", "plots/plots/roc.png"],
        cwd=desk.bob, env=env, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, PLOT), done.stderr


def test_a_terminal_is_given_text_that_cannot_command_it_and_nothing_binary(desk: Desk) -> None:
    pty = pytest.importorskip("pty")
    code = "import sys; from gtrack.cli import main; sys.exit(main(sys.argv[1:]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"}

    def on_terminal(path: str) -> tuple[int, str, str]:
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as seen:
            done = subprocess.run(
                [sys.executable, "-c", code, "artifact", "cat", path],
                cwd=desk.bob, env=env, stdout=theirs, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
            os.set_blocking(ours, False)
            shown = seen.read() or b""
            os.close(theirs)
        return done.returncode, shown.decode(), done.stderr.decode()

    code_, shown, _ = on_terminal("plots/report.txt")
    assert (code_, "\x1b" in shown, "grüße" in shown, "\\x1b[31mred" in shown) == (0, False, True, True)
    code_, shown, err = on_terminal("plots/plots/roc.png")
    assert (code_, shown) == (2, "")
    assert "is not text" in err
    assert "gtrack artifact get" in err


def viewer(folder: Path) -> dict[str, str]:
    """Return a PATH on which the desktop's program notes what it was given."""
    folder.mkdir()
    for name in ("xdg-open", "open"):
        program = folder / name
        program.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {folder}/opened\ncp "$1" {folder}/copy\n')
        program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_the_desktop_opens_a_picture_and_asks_before_active_content(desk: Desk, tmp_path: Path) -> None:
    env = viewer(tmp_path / "bin")
    desk.type(desk.bob, "artifact", "open", "plots/plots/roc.png", **env)
    opened = Path((tmp_path / "bin" / "opened").read_text())
    assert opened.name == "roc.png"
    assert (tmp_path / "bin" / "copy").read_bytes() == PLOT
    assert stat.S_IMODE(opened.parents[1].stat().st_mode) == 0o700
    (tmp_path / "bin" / "opened").unlink()
    said = desk.type(desk.bob, "artifact", "open", "plots/page.html", code=2, **env)
    assert "a browser runs what an .html file holds" in said.err
    assert not (tmp_path / "bin" / "opened").exists()
    desk.type(desk.bob, "artifact", "open", "plots/page.html", "--yes", **env)
    assert (tmp_path / "bin" / "copy").read_bytes() == SMALL["page.html"]
    assert "several" not in desk.type(desk.bob, "artifact", "open", "plots", code=2, **env).err
    (tmp_path / "empty").mkdir()
    git = shutil.which("git") or "git"
    (tmp_path / "empty" / "git").symlink_to(git)
    said = desk.type(desk.bob, "artifact", "open", "plots/report.txt", code=2, PATH=str(tmp_path / "empty"))
    assert "to open files with" in said.err


def test_an_existing_file_stays_unless_it_is_told_to_go(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.txt").write_text("my own notes\n")
    said = desk.type(desk.bob, "artifact", "get", "plots", "-o", str(out), code=4)
    assert f"{out}/report.txt is there already and has other content" in said.err
    assert "--overwrite replaces it" in said.err
    assert files_below(out) == {**SMALL, "report.txt": b"my own notes\n"}
    desk.type(desk.bob, "artifact", "get", "plots", "-o", str(out), "--overwrite")
    assert files_below(out) == SMALL


def test_paths_are_completed_a_folder_at_a_time(desk: Desk) -> None:
    import click

    from gtrack.cli.commands.artifact import ls
    from gtrack.cli.completing import complete_artifact
    from gtrack.cli.invocation import Invocation

    root = click.Context(click.Command("gtrack"), obj=Invocation.silent())
    root.params["path"] = str(desk.bob)
    ctx = click.Context(ls, parent=root)

    def offered(typed: str) -> set[str]:
        return {item.value for item in complete_artifact(ctx, ls.params[0], typed)}

    assert "plots" in offered("pl")
    assert offered("plots/") == {"plots/plots/", "plots/middle.bin", "plots/page.html", "plots/report.txt"}
    assert offered("plots/plots/r") == {"plots/plots/roc.png"}
    subprocess.run(["git", "branch", "feature/x"], cwd=desk.bob, check=True)
    assert offered("feature/x/m") == {"feature/x/model.pkl"}
    assert offered("nothing/x") == set()


def test_artifacts_of_a_run_without_any_are_none(desk: Desk) -> None:
    desk.type(desk.bob, "log", "loss=1", "--name", "bare")
    said = desk.type(desk.bob, "artifact", "ls", "bare")
    assert (said.out, "No artifact" in said.err) == ("", True)
    assert desk.type(desk.bob, "artifact", "ls", "bare", "--json").out == "[]\n"
    assert "no damage" in desk.type(desk.bob, "artifact", "verify", "bare").err


@pytest.mark.soak
def test_three_gigabytes_without_a_store_wait_here_and_the_metrics_are_shared(desk: Desk, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(3 << 30)
    (desk.ada / "train.py").write_text(
        "import gtrack\nwith gtrack.start_run(name='huge') as run:\n"
        f"    run.log({{'loss': 0.25}}, step=1)\n    run.log_artifact({str(large)!r})\n"
    )
    done = subprocess.run([sys.executable, "train.py"], cwd=desk.ada, capture_output=True, text=True, check=True)
    assert "gtrack store set" in done.stderr
    said = desk.type(desk.ada, "push")
    assert "(3.0 GiB)" in said.err
    assert "gtrack store set" in said.err
    desk.type(desk.bob, "pull")
    assert desk.listed(desk.bob, "huge")["large.bin"]["where"] == "pending"
    assert "0.25" in desk.type(desk.bob, "show", "huge").out
    assert "waits on" in desk.type(desk.bob, "artifact", "get", "huge", "-o", str(tmp_path / "out"), code=3).err
