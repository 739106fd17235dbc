"""Checking signatures over records: whose key made one, and whether that key was allowed to at the time.

An ssh key is known by the allowed-signers file (ssh-keygen(1), "ALLOWED SIGNERS"); its ``valid-after`` and
``valid-before`` are compared with the record's own stamp, in UTC. An OpenPGP key is known by gpg's keyring, where it
must be trusted. Nothing that is checked is trusted: programs get it as files and on stdin, for a bounded time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gtrack.branch.gitconfig import GitConfig
from gtrack.branch.signing_tools import NAMESPACE, Answer, ask, in_home, program_of
from gtrack.errors import SigningError
from gtrack.text import clean

__all__ = ["Checker", "Signature", "Verdict"]

Verdict = Literal["good", "other", "stranger", "bad", "unchecked"]

_SECONDS = 20.0
_LARGEST = 64 << 10
"""The largest signature that is looked at, in bytes: one by an RSA key of 16,384 bits has 6 KiB."""
_SSH, _PGP = b"-----BEGIN SSH SIGNATURE-----", b"-----BEGIN PGP SIGNATURE-----"
_KEY = re.compile(r" key (SHA256:[A-Za-z0-9+/=]+)")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_VERDICTS = {"GOODSIG", "BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}
_TRUSTED = ("TRUST_FULLY", "TRUST_ULTIMATE")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature is worth.

    Attributes:
        verdict: ``good``: made over these bytes, by a key of the one who is said to have written them; ``other``: by a
            key of somebody else who is known; ``stranger``: by a key that nobody is known by, or was not at the time;
            ``bad``: not over these bytes, or damaged; ``unchecked``: it cannot be told here.
        signer: Whose key it is, as the allowed-signers file or the keyring names him; None where that is not known.
        key: The fingerprint of the key, or None.
        why: What is to be told about it; empty for a good one.
    """

    verdict: Verdict
    signer: str | None = None
    key: str | None = None
    why: str = ""

    @property
    def sound(self) -> bool:
        """It was made over these bytes, whoever made it."""
        return self.verdict in ("good", "other", "stranger")


class Checker:
    """What checks signatures. A context manager; answers are remembered.

    Args:
        config: The git configuration, for the programs and the revoked keys.
        env: The environment.
        allowed: The content of the allowed-signers file, or None where there is none.
        where: What that file is called in messages.
    """

    def __init__(
        self, config: GitConfig, env: Mapping[str, str], allowed: bytes | None, where: str = "allowed signers"
    ) -> None:
        self.where = where
        self.has_signers = allowed is not None
        self._config, self._env = config, env
        self._allowed = allowed
        self._folder: str | None = None
        self._known: dict[tuple[bytes, bytes, str | None, str], Signature] = {}

    def __enter__(self) -> Checker:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def check(self, data: bytes, signature: bytes, *, by: str | None, stamp: str) -> Signature:
        """Return what a signature is worth.

        Args:
            data: What it is over.
            signature: The signature.
            by: The address of the one who is said to have written the data; None when anybody known will do.
            stamp: When, as in ``20261121T142530.123456Z``; empty for now.
        """
        key = (hashlib.sha256(data).digest(), signature, by, stamp)
        if key not in self._known:
            try:
                self._known[key] = self._check(data, signature, by, stamp)
            except (SigningError, OSError) as error:
                self._known[key] = Signature("unchecked", why=clean(str(error)))
        return self._known[key]

    def _check(self, data: bytes, signature: bytes, by: str | None, stamp: str) -> Signature:
        if len(signature) > _LARGEST:
            return Signature("bad", why=f"it has {len(signature):,} bytes, which no signature has")
        if by is not None and (not by or _UNSAFE.search(by)):
            by = ""  # nobody is known by that
        if signature.startswith(_SSH):
            return _Ssh(self, program_of("ssh", self._config, self._env)).check(data, signature, by, stamp)
        if signature.startswith(_PGP):
            return self._by_gpg(data, signature, by)
        return Signature("bad", why="it is neither an ssh nor an OpenPGP signature")

    def place(self) -> str:
        """Return a folder for what the programs read, with the allowed signers in it."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="gtrack-verify-")
            with open(os.path.join(self._folder, "allowed"), "wb") as file:
                file.write(self._allowed or b"")
        return self._folder

    def revoked(self) -> list[str]:
        """Return the option that names the keys nobody may use any more, as git's configuration has it."""
        path = self._config.get("gpg.ssh.revocationFile")
        return ["-r", in_home(path, self._env)] if path else []

    def ask(self, argv: list[str], data: bytes = b"") -> Answer:
        """Run a program."""
        return ask(argv, self._env, given=data, seconds=_SECONDS)

    def _by_gpg(self, data: bytes, signature: bytes, by: str | None) -> Signature:
        gpg = program_of("openpgp", self._config, self._env)
        path = os.path.join(self.place(), "signature")
        with open(path, "wb") as file:
            file.write(signature)
        # Without the network, whatever the user has configured for keys that are not here.
        argv = [gpg, "--batch", "--no-tty", "--disable-dirmngr", "--no-auto-key-retrieve", "--status-fd=1"]
        answer = self.ask([*argv, "--verify", path, "-"], data)
        said = [line[9:].split(" ") for line in answer.out.splitlines() if line.startswith("[GNUPG:] ")]
        verdicts = [words for words in said if words[0] in _VERDICTS]
        if len(verdicts) != 1:  # several signatures in one file may be of several people
            return Signature("bad", why="gpg finds no single signature in it")
        word = verdicts[0][0]
        valid = next((words for words in said if words[0] == "VALIDSIG"), None)
        key = valid[-1] if valid is not None else None
        if word == "BADSIG":
            return Signature("bad", why="it was not made over these bytes")
        if word == "ERRSIG":
            return Signature("unchecked", why=f"gpg does not have the key {verdicts[0][1]!s:.40}: gpg --recv-keys")
        if word != "GOODSIG":
            return Signature("stranger", key=key, why="its key has expired or was revoked")
        return self._of_key(gpg, key, by, trusted=any(words[0] in _TRUSTED for words in said))

    def _of_key(self, gpg: str, key: str | None, by: str | None, *, trusted: bool) -> Signature:
        """Judge a sound signature by the addresses of its key."""
        listed = self.ask([gpg, "--batch", "--no-tty", "--with-colons", "--list-keys", key or ""]).out if key else ""
        addresses = list(_addresses(listed))
        if not trusted or not addresses:
            why = f"gpg does not trust the key {key}: gpg --edit-key {key} trust"
            return Signature("stranger", key=key, why=why)
        if by is None or by in addresses:
            return Signature("good", by or addresses[0], key)
        return Signature("other", addresses[0], key, f"its key is that of {clean(addresses[0])}")


class _Ssh:
    """ssh-keygen, asked about one signature."""

    def __init__(self, checker: Checker, program: str) -> None:
        self._checker, self._program = checker, program

    def check(self, data: bytes, signature: bytes, by: str | None, stamp: str) -> Signature:
        """Return what it is worth."""
        folder = self._checker.place()
        self._allowed = os.path.join(folder, "allowed")
        self._signature = os.path.join(folder, "signature")
        with open(self._signature, "wb") as file:
            file.write(signature)
        self._data, self._when = data, _when(stamp)
        if by:
            found = self._is_of(by)
            if found is not None:
                return Signature("good", by, found)
        sound = self._ask("check-novalidate", ["-s", self._signature])
        if sound.code != 0:
            return Signature("bad", why=f"it was not made over these bytes: {_said(sound)}")
        key = _key_in(sound)
        if not self._checker.has_signers:
            return Signature("unchecked", key=key, why="no allowed-signers file says whose key it is")
        return self._of_another(by, key)

    def _of_another(self, by: str | None, key: str | None) -> Signature:
        """Judge a sound signature that is not of a key of ``by``: say whose it is."""
        args = ["-s", self._signature, "-f", self._allowed, *self._when]
        answer = self._ask("find-principals", args)
        for name in answer.out.splitlines() if answer.code == 0 else ():
            if name.strip() and self._is_of(name.strip()) is not None:
                if by is None:
                    return Signature("good", name.strip(), key)
                return Signature("other", name.strip(), key, f"its key is that of {clean(name.strip())}")
        return Signature("stranger", key=key, why=f"{self._checker.where} knows nobody by its key {key} at that time")

    def _is_of(self, who: str) -> str | None:
        """Return the key of a signature that is good for somebody; None where it is not."""
        args = ["-I", who, "-f", self._allowed, "-s", self._signature, *self._when, *self._checker.revoked()]
        answer = self._ask("verify", args)
        return _key_in(answer) or "" if answer.code == 0 else None

    def _ask(self, what: str, args: list[str]) -> Answer:
        space = [] if what == "find-principals" else ["-n", NAMESPACE]
        return self._checker.ask([self._program, "-Y", what, *space, *args], self._data)


def _when(stamp: str) -> list[str]:
    """Return the option that sets the time by which keys are judged: to the second, in UTC as the program runs."""
    return ["-O", f"verify-time={stamp[:8]}{stamp[9:15]}"] if stamp else []


def _key_in(answer: Answer) -> str | None:
    match = _KEY.search(answer.out)
    return match[1] if match else None


def _said(answer: Answer) -> str:
    return clean(answer.complaint[:200])


def _addresses(listed: str) -> Iterator[str]:
    """Yield the addresses of the names of a key that count, from ``gpg --with-colons``.

    See https://github.com/gpg/gnupg/blob/master/doc/DETAILS, "Format of the --with-colons listings".
    """
    for line in listed.splitlines():
        fields = line.split(":")
        if fields[0] == "uid" and fields[1] in ("f", "u") and len(fields) > 9:
            address = fields[9].rpartition("<")[2].rstrip(">")
            if address:
                yield address
