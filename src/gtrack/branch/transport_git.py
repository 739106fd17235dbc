"""A remote as the git executable reaches it: credential helpers, ssh agents, proxies and all."""

from __future__ import annotations

import os
import random
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.branch.git import Git
from gtrack.branch.gitconfig import GitConfig
from gtrack.branch.transport_errors import explain, has_no_room, lines_of, said_by_server
from gtrack.branch.transport_process import Limits, run_limited
from gtrack.branch.transport_push import Outcome, Status, Update, parse_porcelain
from gtrack.branch.transport_url import Address, allowed_protocols, remote_addresses
from gtrack.errors import ConflictError, GtrackError, NetworkError

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from gtrack.branch.repository import Repository

__all__ = ["GitTransport"]

_TRIES = 6
_PINNED = (
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "submodule.recurse=false",
    # Messages are read here: no colours in them.
    "color.ui=false",
    "color.push=false",
    "color.remote=false",
    "color.transport=false",
)
_FETCH = (
    "--progress",
    "--no-write-fetch-head",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--no-show-forced-updates",
    "--refmap=",
    "--prune",
    "--no-prune-tags",
    # A partial clone gets our references whole, and stays as partial as it was.
    "--no-filter",
)
_PUSH = (
    "--porcelain",
    "--progress",
    "--no-verify",
    "--no-follow-tags",
    "--recurse-submodules=no",
    "--no-signed",
    "--no-force-if-includes",
)
_ABSENT = re.compile(r"couldn't find remote ref (\S+)", re.IGNORECASE)
_OVERTAKEN = re.compile(
    r"^error: (?:cannot lock ref|could not (?:lock|delete)|Unable to create '.*\.lock')", re.MULTILINE
)
"""Of a fetch: another process of this clone has just moved our copy."""
_SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout={0} -o ServerAliveInterval={0} -o ServerAliveCountMax=1"


class GitTransport:
    """A remote, reached through the git executable.

    Args:
        repo: The repository.
        git: The executable.
        remote: The name of the remote.
        interactive: Let git and ssh ask on the terminal.
        limits: When to give up; where git may ask, only Ctrl-C ends the wait.
    """

    def __init__(self, repo: Repository, git: Git, remote: str, *, interactive: bool, limits: Limits) -> None:
        self._repo = repo
        self._git = git
        self._remote = remote
        self._interactive = interactive
        self._limits = limits

    def list(self, patterns: Sequence[str]) -> dict[str, str]:
        """Return the references of the remote that match, and their object ids."""
        done, address = self._run("ls-remote", ["--refs", "--quiet"], patterns)
        if done.returncode != 0:
            raise self._failure("ls-remote", done, address)
        lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
        return {name: oid for oid, tab, name in (line.partition("\t") for line in lines) if tab}

    def fetch(self, refspecs: Mapping[str, str]) -> dict[str, str | None]:
        """Fetch references into copies; see :meth:`gtrack.branch.transport.Transport.fetch`."""
        wanted, found = dict(refspecs), dict[str, str | None]()
        overtaken = 0
        while wanted:
            done, address = self._run("fetch", _FETCH, [f"+{there}:{here}" for there, here in wanted.items()])
            if done.returncode == 0:
                break
            stderr = done.stderr.decode("utf-8", "replace")
            absent = _ABSENT.search(stderr)
            if absent is not None and absent[1] in wanted:
                self._drop(wanted.pop(absent[1]))
                found[absent[1]] = None
            elif _OVERTAKEN.search(stderr) and overtaken < _TRIES:
                overtaken += 1
                time.sleep(random.uniform(0, 0.05 * overtaken))  # noqa: S311  jitter, not a secret
            elif _OVERTAKEN.search(stderr):
                raise ConflictError(
                    f"a copy of {self._remote}'s references stayed locked: {lines_of(stderr, address)[0]}",
                    hint="if no git process is running, remove the .lock file",
                )
            else:
                raise self._failure("fetch", done, address)
        for there, here in wanted.items():
            found.update(self._copies(there, here))
        return found

    def push(self, updates: Mapping[str, Update]) -> dict[str, Outcome]:
        """Send updates; see :meth:`gtrack.branch.transport.Transport.push`."""
        leases = [update.lease for update in updates.values() if update.lease is not None]
        # A server that cannot negotiate costs a warning. https://git-scm.com/docs/git-config "push.negotiate"
        pins = ["push.negotiate=true"] if any(update.negotiate for update in updates.values()) else []
        if updates and all(ref.startswith("refs/gtrack/object") for ref in updates):
            pins.append("pack.window=0")  # images and models have no deltas worth looking for: a third of the time
        refspecs = [update.refspec for update in updates.values()]
        done, address = self._run("push", [*_PUSH, *leases], refspecs, pins=pins)
        lines = lines_of(done.stderr.decode("utf-8", "replace"), address)
        found = parse_porcelain(done.stdout.decode("utf-8", "replace"), said_by_server(lines), updates)
        failed = [outcome for outcome in found.values() if outcome.status in (Status.RACED, Status.REFUSED)]
        broken = any("failed to report status" in outcome.reason for outcome in failed)
        if len(found) < len(updates) or broken or (failed and has_no_room(lines, remotely=True)):
            raise self._failure("push", done, address)
        return found

    def set_copies(self, copies: Mapping[str, str | None]) -> None:
        """Set our copies of references, or delete those that are None, without reflog and whatever they were."""
        lines = [f"update {ref} {oid}\n" if oid else f"delete {ref}\n" for ref, oid in copies.items()]
        args = ["-c", "core.logAllRefUpdates=false", "update-ref", "--no-deref", "--stdin"]
        self._git.run(args, git_dir=self._repo.paths.git_dir, input="".join(lines).encode())

    def _drop(self, here: str) -> None:
        if self._repo.refs.read(here) is not None:
            self.set_copies({here: None})

    def _copies(self, there: str, here: str) -> dict[str, str | None]:
        """Return what a refspec has brought, by the name at the remote."""
        refs = self._repo.refs
        if "*" not in there:
            return {there: refs.read(here)}
        before, _, after = here.partition("*")
        names = [name for name in refs.names(before) if name.endswith(after) and len(name) > len(before + after)]
        middles = {name: name[len(before) : len(name) - len(after)] for name in names}
        return {there.replace("*", middle): refs.read(name) for name, middle in middles.items()}

    def _run(
        self, command: str, options: Sequence[str], args: Sequence[str], *, pins: Sequence[str] = ()
    ) -> tuple[CompletedProcess[bytes], Address]:
        """Run one git command at the remote; return what came of it, and the URL that was used."""
        address = remote_addresses(self._repo, self._remote, push=command == "push")[0]
        settings = [option for pin in (*_PINNED, *self._pins(), *pins) for option in ("-c", pin)]
        argv = [
            self._git.executable,
            "--no-pager",
            *settings,
            command,
            *options,
            "--end-of-options",
            self._remote,
            *args,
        ]
        done = run_limited(
            argv,
            cwd=self._repo.paths.root,
            env=self._environment(address),
            limits=Limits(None, None) if self._interactive else self._limits,
            detached=not self._interactive,
        )
        return done, address

    def _pins(self) -> Sequence[str]:
        """Return settings for this process alone that depend on the remote and the user's own."""
        pins = [f"remote.{self._remote}.mirror=false", f"remote.{self._remote}.followRemoteHEAD=never"]
        if not self._interactive:
            pins.append("credential.interactive=false")
        if self._limits.stall is not None and self._repo.config.get("http.lowspeedlimit") is None:
            pins += ["http.lowSpeedLimit=1", f"http.lowSpeedTime={max(1, round(self._limits.stall))}"]
        return pins

    def _environment(self, address: Address) -> dict[str, str]:
        config, user = self._repo.config, self._repo.env
        env = dict(self._git.env)
        env["GIT_DIR"] = self._repo.paths.git_dir
        env["GIT_ALLOW_PROTOCOL"] = ":".join(sorted(allowed_protocols(config, user, address.scheme)))
        if self._interactive:
            env["GIT_TERMINAL_PROMPT"] = user.get("GIT_TERMINAL_PROMPT", "1")
            return env
        # Nobody is there to answer. A program that the user has set to answer for him (GIT_ASKPASS, a credential
        # helper) still does; the one that his desktop has set opens a window, and does not.
        env.pop("SSH_ASKPASS", None)
        env.update(SSH_ASKPASS_REQUIRE="never", GCM_INTERACTIVE="never")
        command = _ssh_command(user, config, self._limits.stall)
        if command is not None:
            env["GIT_SSH_COMMAND"] = command
        return env

    def _failure(self, command: str, done: CompletedProcess[bytes], address: Address) -> GtrackError:
        known = explain(command, self._remote, address, done.stderr.decode("utf-8", "replace"))
        if known is not None:
            return known
        if done.returncode < 0 or not done.stderr.strip():
            return NetworkError(f"git {command} was stopped while it talked to {address.shown}", hint="try again")
        return Git.failure([command], done)


def _ssh_command(env: Mapping[str, str], config: GitConfig, stall: float | None) -> str | None:
    """Return the ssh that asks nothing and notices a dead network, or None to leave the user's as it is.

    Options are added to a command of the user's as git adds its own, after it, when it plainly is OpenSSH. Another
    program may take them for something else; it has no terminal to ask on, and the limits end it.
    """
    given = env.get("GIT_SSH_COMMAND") or config.get("core.sshcommand")
    variant = env.get("GIT_SSH_VARIANT") or config.get("ssh.variant") or "auto"
    if not given and env.get("GIT_SSH"):
        return None
    try:
        program = os.path.basename(shlex.split(given or "ssh")[0])
    except (ValueError, IndexError):
        return None
    if program != "ssh" or variant not in ("auto", "ssh"):
        return None
    return f"{given or 'ssh'} {_SSH_OPTIONS.format(max(1, round(stall or 60)))}"
