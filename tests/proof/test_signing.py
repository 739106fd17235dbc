"""Signing with the user's own keys: what is signed and when, what is checked, and that a training never suffers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from signers import KEYGEN, POLICY, Member, Team, allowed_signers, git, needs_ssh

import gtrack
from gtrack.branch.gitconfig import GitConfig
from gtrack.branch.signature_check import Checker, Signature
from gtrack.branch.signing import sign, signing_key
from gtrack.errors import SigningError
from gtrack.ops.signatures import judge, signed
from gtrack.ops.verify_range import verify_range

NOW = "20261121T142530.123456Z"
ADA = "Ada L <ada@example.org>"
EVENT = "models/churn/events/20261121T142530.123456Z-0123456789ab.yaml"
GPG = shutil.which("gpg")


def settings(key: Path | str, **more: str) -> GitConfig:
    """Return git's configuration for signing with an ssh key."""
    return GitConfig([("gpg.format", "ssh"), ("user.signingkey", str(key)), *more.items()])


def ssh_sign(config: GitConfig, data: bytes, env: dict[str, str] | None = None, seconds: float = 10) -> bytes:
    """Return a signature over some bytes."""
    env = dict(os.environ) if env is None else env
    return sign(signing_key(config, env, ADA), {"it": data}, env, seconds=seconds)["it"]


@needs_ssh
class TestSsh:
    def check(self, keys: Path, signature: bytes, allowed: str | None = None, **asked: str | None) -> Signature:
        lines = allowed_signers(keys, "ada", "ben") if allowed is None else allowed
        with Checker(GitConfig([]), os.environ, lines.encode()) as checker:
            return checker.check(b"one", signature, **{"by": "ada@example.org", "stamp": NOW, **asked})  # type: ignore[arg-type]

    def test_a_key_by_its_private_or_public_half_signs_alike(self, keys: Path) -> None:
        made = {ssh_sign(settings(keys / name), b"one") for name in ("ada", "ada.pub")}
        assert len(made) == 1
        found = self.check(keys, made.pop())
        assert (found.verdict, found.signer) == ("good", "ada@example.org")
        assert found.key is not None and found.key.startswith("SHA256:")

    def test_a_key_in_the_home_folder(self, keys: Path) -> None:
        env = {**os.environ, "HOME": str(keys.parent)}
        assert ssh_sign(settings("~/keys/ada.pub"), b"one", env)

    def test_a_literal_key_whose_private_half_an_agent_has(self, keys: Path, tmp_path: Path) -> None:
        if shutil.which("ssh-agent") is None:
            pytest.skip("ssh-agent is not installed (openssh-client)")
        socket = tmp_path / "agent"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
        env = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        try:
            while not socket.exists():
                time.sleep(0.01)
            literal = settings("key::" + (keys / "ada.pub").read_text().strip())
            with pytest.raises(SigningError, match="could not sign") as error:
                ssh_sign(literal, b"one", env)
            assert "ssh-add -L" in str(error.value)
            subprocess.run(["ssh-add", "-q", str(keys / "ada")], env=env, check=True)
            assert self.check(keys, ssh_sign(literal, b"one", env)).verdict == "good"
        finally:
            agent.terminate()
            agent.wait()

    def test_a_key_that_a_command_names(self, keys: Path) -> None:
        text = (keys / "ada.pub").read_text().strip()
        config = GitConfig([("gpg.format", "ssh"), ("gpg.ssh.defaultkeycommand", f"echo 'key::{text}'")])
        found = signing_key(config, os.environ, ADA)
        assert (found.name, found.literal) == (text, True)

    def test_somebody_else_s_key_is_told_apart_from_a_stranger_s(self, keys: Path) -> None:
        by_ben = ssh_sign(settings(keys / "ben"), b"one")
        found = self.check(keys, by_ben)
        assert (found.verdict, found.signer) == ("other", "ben@example.org")
        assert self.check(keys, by_ben, by=None).verdict == "good"
        assert self.check(keys, ssh_sign(settings(keys / "mallory"), b"one")).verdict == "stranger"
        assert self.check(keys, by_ben, by="-Q").verdict == "other"

    def test_other_bytes_and_no_signature_at_all(self, keys: Path) -> None:
        assert self.check(keys, ssh_sign(settings(keys / "ada"), b"two")).verdict == "bad"
        assert self.check(keys, b"-----BEGIN SSH SIGNATURE-----\nx\n").verdict == "bad"
        assert self.check(keys, b"\0" * 100).verdict == "bad"
        assert self.check(keys, b"x" * (1 << 20)).verdict == "bad"

    def test_a_signature_for_something_else(self, keys: Path, tmp_path: Path) -> None:
        path = tmp_path / "it"
        path.write_bytes(b"one")
        command = [str(KEYGEN), "-Y", "sign", "-n", "git", "-f", str(keys / "ada"), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        assert self.check(keys, path.with_name("it.sig").read_bytes()).verdict == "bad"

    def test_the_time_of_the_record_decides_which_keys_count(self, keys: Path) -> None:
        kind, key, *_ = (keys / "ada.pub").read_text().split()
        allowed = f'ada@example.org valid-after="20260101Z",valid-before="20261122Z" {kind} {key}\n'
        made = ssh_sign(settings(keys / "ada"), b"one")
        assert self.check(keys, made, allowed).verdict == "good"
        for moment in ("20251231T000000.000000Z", "20261123T000000.000000Z"):
            assert self.check(keys, made, allowed, stamp=moment).verdict == "stranger"

    def test_a_key_that_is_allowed_for_other_things_only(self, keys: Path) -> None:
        kind, key, *_ = (keys / "ada.pub").read_text().split()
        allowed = f'ada@example.org namespaces="git" {kind} {key}\n'
        assert self.check(keys, ssh_sign(settings(keys / "ada"), b"one"), allowed).verdict == "stranger"

    def test_a_revoked_key(self, keys: Path, tmp_path: Path) -> None:
        revoked = tmp_path / "revoked"
        subprocess.run([str(KEYGEN), "-q", "-k", "-f", str(revoked), str(keys / "ada.pub")], check=True)
        config = GitConfig([("gpg.ssh.revocationfile", str(revoked))])
        with Checker(config, os.environ, allowed_signers(keys, "ada").encode()) as checker:
            made = ssh_sign(settings(keys / "ada"), b"one")
            assert checker.check(b"one", made, by="ada@example.org", stamp=NOW).verdict == "stranger"

    def test_without_an_allowed_signers_file_nothing_can_be_told(self, keys: Path) -> None:
        with Checker(GitConfig([]), os.environ, None) as checker:
            found = checker.check(b"one", ssh_sign(settings(keys / "ada"), b"one"), by="ada@example.org", stamp=NOW)
        assert (found.verdict, found.sound) == ("unchecked", False)
        assert "no allowed-signers file" in found.why

    def test_a_locked_key_asks_nobody(self, tmp_path: Path) -> None:
        key = tmp_path / "locked"
        command = [str(KEYGEN), "-q", "-t", "ed25519", "-N", "secret", "-f", str(key)]
        subprocess.run(command, check=True)
        began = time.monotonic()
        with pytest.raises(SigningError, match="passphrase") as error:
            ssh_sign(settings(key), b"one")
        assert time.monotonic() - began < 5
        assert f"ssh-add {key}" in str(error.value)

    def test_a_program_that_hangs_is_stopped_with_its_children(self, keys: Path, tmp_path: Path) -> None:
        program = tmp_path / "slow"
        program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nsleep 60 &\nwait\n")
        program.chmod(0o755)
        began = time.monotonic()
        with pytest.raises(SigningError, match=r"took longer than 0\.3 s"):
            ssh_sign(settings(keys / "ada", **{"gpg.ssh.program": str(program)}), b"one", seconds=0.3)
        assert time.monotonic() - began < 10


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    """An environment whose keyring has Ada's OpenPGP key."""
    home = tempfile.mkdtemp(prefix="g")  # the path of an agent's socket must be short
    found = {**os.environ, "GNUPGHOME": home}
    options = ["--batch", "--quiet", "--passphrase", "", "--quick-gen-key", ADA, "ed25519", "sign", "never"]
    subprocess.run([str(GPG), *options], env=found, check=True, capture_output=True)
    yield found
    subprocess.run(["gpgconf", "--kill", "all"], env=found, check=False)
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.skipif(GPG is None, reason="gpg is not installed (gnupg)")
class TestOpenPgp:
    def test_it_is_git_s_default_and_is_checked_by_the_keyring(self, env: dict[str, str]) -> None:
        made = ssh_sign(GitConfig([]), b"one", env)
        with Checker(GitConfig([]), env, None) as checker:
            assert checker.check(b"one", made, by="ada@example.org", stamp=NOW).verdict == "good"
            assert checker.check(b"one", made, by="ben@example.org", stamp=NOW).verdict == "other"
            assert checker.check(b"two", made, by="ada@example.org", stamp=NOW).verdict == "bad"
            assert checker.check(b"one", made + made, by="ada@example.org", stamp=NOW).verdict == "bad"

    def test_a_key_that_is_not_in_the_keyring(self, env: dict[str, str], tmp_path: Path) -> None:
        made = ssh_sign(GitConfig([]), b"one", env)
        (tmp_path / "empty").mkdir(mode=0o700)
        with Checker(GitConfig([]), {**env, "GNUPGHOME": str(tmp_path / "empty")}, None) as checker:
            found = checker.check(b"one", made, by="ada@example.org", stamp=NOW)
        assert found.verdict == "unchecked"
        assert "does not have the key" in found.why


class TestErrors:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"gpg.format": "x509"}, "gtrack signs with ssh or openpgp"),
            ({"gpg.format": "ssh"}, "user.signingKey is not set"),
            ({"gpg.format": "ssh", "user.signingkey": "/nowhere/id.pub"}, "is not there"),
            ({"gpg.program": "/nowhere/gpg"}, "is not installed"),
        ],
    )
    def test_they_say_what_to_type(self, config: dict[str, str], words: str) -> None:
        with pytest.raises(SigningError, match=words) as error:
            signing_key(GitConfig(config.items()), os.environ, ADA)
        assert error.value.hint
        assert error.value.exit_code == 2


@needs_ssh
class TestWhatIsSigned:
    @pytest.fixture
    def lone(self, tmp_path: Path, keys: Path) -> Member:
        """A repository without a remote or a policy."""
        git("init", "-q", str(tmp_path / "lone"), cwd=tmp_path)
        (tmp_path / "lone" / "train.py").write_text("print('one')\n")
        git("add", ".", cwd=tmp_path / "lone")
        git("commit", "-q", "-m", "code", cwd=tmp_path / "lone")
        return Member(tmp_path / "lone", "ada", keys)

    @pytest.mark.parametrize(
        ("config", "signs"),
        [
            ({}, False),
            ({"commit.gpgSign": "true"}, True),
            ({"gtrack.sign": "true"}, True),
            ({"gtrack.sign": "false", "commit.gpgSign": "true"}, False),
        ],
    )
    def test_registry_events_are_by_the_settings(self, lone: Member, config: dict[str, str], signs: bool) -> None:
        for key, value in config.items():
            lone.set(key, value)
        with lone.repo() as repo:
            files = signed(repo, {EVENT: b"format: 1\n", "runs/x/y": b"z"})
        assert len(files) == 2 + signs
        assert all(path.startswith(EVENT) or path == "runs/x/y" for path in files)

    def test_the_policy_asks_for_signatures(self, tmp_path: Path, keys: Path) -> None:
        ada = Team(tmp_path, keys).clone("ada")
        with ada.repo() as repo:
            assert len(signed(repo, {EVENT: b"format: 1\n"})) == 2
        ada.set("user.signingKey", "/nowhere/at/all")
        with ada.repo() as repo, pytest.raises(SigningError, match="the policy asks for a signature"):
            signed(repo, {EVENT: b"format: 1\n"})
        other = Team(tmp_path_of(tmp_path), keys, POLICY.replace("signed: true", "signed: false")).clone("ada")
        with other.repo() as repo:
            assert len(signed(repo, {EVENT: b"format: 1\n"})) == 1

    def test_a_run_is_signed_whole_and_nobody_else_s_is(self, lone: Member) -> None:
        lone.set("gtrack.sign", "true")
        run_id = lone.train()
        listed = lone.git("ls-tree", "-r", "--name-only", "gtrack").splitlines()
        plain = [path for path in listed if run_id in path and not path.endswith(".sig")]
        assert len(plain) >= 3
        assert all(any(each.startswith(path + ".") for each in listed) for path in plain)
        before = len(listed)
        lone.type("log", "loss=0.1", "--name", "by hand")
        assert len(lone.git("ls-tree", "-r", "--name-only", "gtrack").splitlines()) == before + 4

    def test_a_training_goes_on_where_it_cannot_be_signed(
        self, lone: Member, capfd: pytest.CaptureFixture[str]
    ) -> None:
        lone.set("gtrack.sign", "true")
        lone.set("user.signingKey", "/nowhere/at/all")
        run_id = lone.train()
        said = capfd.readouterr().err
        assert "the run is recorded, but it is not signed: the key /nowhere/at/all" in said
        listed = lone.git("ls-tree", "-r", "--name-only", "gtrack")
        assert run_id in listed
        assert ".sig" not in listed

    def test_what_was_not_signed_can_be_signed_later(self, lone: Member, keys: Path, tmp_path: Path) -> None:
        run_id = lone.train()
        name = lone.register(run_id)
        signers = tmp_path / "signers"
        signers.write_text(allowed_signers(keys, "ada"))
        lone.set("gpg.ssh.allowedSignersFile", str(signers))
        assert "it is not signed" in lone.type("verify", run_id).out
        said = lone.type("verify", run_id, "--sign")
        assert "signed by ada@example.org" in said.out
        assert "signatures added" in said.err
        assert "signed by ada@example.org" in lone.type("verify", name, "--sign").out
        assert "0 signatures added" in lone.type("verify", name, "--sign").err
        lone.set("user.email", "ben@example.org")
        assert "its author has to sign it" in lone.type("verify", run_id, "--sign", code=2).err

    def test_a_resumed_run_is_signed_and_its_code_is_proved_too(self, lone: Member, keys: Path, tmp_path: Path) -> None:
        lone.set("gtrack.sign", "true")
        (tmp_path / "signers").write_text(allowed_signers(keys, "ada"))
        lone.set("gpg.ssh.allowedSignersFile", str(tmp_path / "signers"))
        run_id = lone.train()
        (lone.path / "train.py").write_text("print('resumed')\n")
        with contextlib.chdir(lone.path), gtrack.start_run(run_id=run_id, resume=True, force=True) as run:
            run.log_metric("val_auc", 0.95)
        said = lone.type("verify", run_id).out
        assert said.endswith("the chain holds\n")
        assert said.count("snapshot: the tree") == 2
        with lone.repo() as repo:
            assert verify_range(repo, "..gtrack").ok

    def test_runs_are_read_as_ever(self, lone: Member) -> None:
        lone.set("gtrack.sign", "true")
        run_id = lone.train()
        with gtrack.Repo(str(lone.path)) as repo:
            assert repo.run(run_id).metrics["val_auc"] == 0.94
        assert lone.type("fsck").code == 0


def test_a_signature_file_is_named_by_its_content(tmp_path: Path) -> None:
    with Checker(GitConfig([]), os.environ, None) as checker:
        found = judge(checker, "a", b"one", {"a.0123456789ab.sig": b"junk"}, by=None)
    assert found.best is None
    assert "digest in its name" in found.faults[0][1]


def tmp_path_of(path: Path) -> Path:
    """Return another folder beside the files of a test."""
    other = path / "other"
    other.mkdir()
    return other
