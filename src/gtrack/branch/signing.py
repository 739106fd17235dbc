"""Signing records with the key that the user signs commits with: ssh or OpenPGP, by git's own settings.

=====================  ===========================================================================================
git config             meaning
=====================  ===========================================================================================
``gpg.format``         ``ssh`` or ``openpgp``, git's default
``user.signingKey``    the path of a key, a public key itself (``key::ssh-ed25519 ...``) whose private half an agent
                       has, or the name of an OpenPGP key
``gpg.ssh.program``    instead of ``ssh-keygen``; ``gpg.ssh.defaultKeyCommand`` prints a key where none is set
``gpg.program``        instead of ``gpg``; also ``gpg.openpgp.program``
=====================  ===========================================================================================

See https://git-scm.com/docs/git-config and, for the form of ssh signatures,
https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.branch.gitconfig import GitConfig
from gtrack.branch.signing_tools import NAMESPACE, ask, default_key, in_home, program_of
from gtrack.errors import SigningError

__all__ = ["SET_UP", "SigningKey", "sign", "signing_key"]

SET_UP = "git config gpg.format ssh; git config user.signingKey ~/.ssh/id_ed25519.pub"
"""What to type where nothing is set up."""
_FORMS = ("ssh", "openpgp")
_AT_ONCE = 500
"""Files of one call of ssh-keygen: their names are its arguments."""
_PATIENT = 300.0
"""Seconds that somebody has to type a passphrase or to touch a key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signatures are made with.

    Attributes:
        form: ``ssh`` or ``openpgp``.
        program: The path of the program.
        name: The path of a key, the text of a public one, or what OpenPGP knows the key by.
        literal: The name is the text of a public key.
    """

    form: str
    program: str
    name: str
    literal: bool = False


def signing_key(config: GitConfig, env: Mapping[str, str], by: str, *, seconds: float = 10.0) -> SigningKey:
    """Return the key that the user signs with.

    Args:
        config: The git configuration.
        env: The environment.
        by: Who signs, ``Name <email>``: where no OpenPGP key is named, it is the one of that address.
        seconds: How long a command that names the key may take.

    Raises:
        SigningError: There is none, or the program is not installed; the hint says what to type.

    Example:
        >>> signing_key(repo.config, os.environ, "Ada L <ada@example.org>").form
        'ssh'
    """
    form = (config.get("gpg.format") or "openpgp").lower()
    if form not in _FORMS:
        raise SigningError(f"git config gpg.format is {form!r:.40}: gtrack signs with ssh or openpgp", hint=SET_UP)
    name = config.get("user.signingKey")
    if form == "openpgp":
        return SigningKey(form, program_of(form, config, env), name or by.rpartition("<")[2].rstrip(">") or by)
    name = name or default_key(config, env, seconds)
    if not name:
        raise SigningError("git config user.signingKey is not set: there is no key to sign with", hint=SET_UP)
    literal = name.startswith(("key::", "ssh-"))
    name = name.removeprefix("key::") if literal else os.path.abspath(in_home(name, env))
    if not literal and not os.path.isfile(name):
        raise SigningError(f"the key {name} of git config user.signingKey is not there", hint=SET_UP)
    return SigningKey(form, program_of(form, config, env), name, literal)


def sign(
    key: SigningKey, contents: Mapping[str, bytes], env: Mapping[str, str], *, seconds: float, interactive: bool = False
) -> dict[str, bytes]:
    """Return a signature over each of some contents, by the same names.

    Args:
        key: What is signed with.
        contents: Bytes by any names.
        env: The environment; an agent is found by it.
        seconds: How long all of it may take; where somebody may be asked, five minutes.
        interactive: Somebody is there to type a passphrase.

    Raises:
        SigningError: It could not be done; the hint says what to type.
        OSError: The disk is full or read-only.
    """
    seconds = _PATIENT if interactive else seconds
    if key.form == "openpgp":
        return {name: _by_gpg(key, data, env, seconds, interactive) for name, data in contents.items()}
    names = list(contents)
    out: dict[str, bytes] = {}
    for at in range(0, len(names), _AT_ONCE):
        some = {name: contents[name] for name in names[at : at + _AT_ONCE]}
        out |= _by_ssh(key, some, env, seconds, interactive)
    return out


def _by_ssh(
    key: SigningKey, contents: Mapping[str, bytes], env: Mapping[str, str], seconds: float, interactive: bool
) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="gtrack-sign-") as folder:
        paths = {name: os.path.join(folder, str(number)) for number, name in enumerate(contents)}
        for name, path in paths.items():
            _write(path, contents[name])
        argv = [key.program, "-Y", "sign", "-n", NAMESPACE]
        if key.literal:
            public = os.path.join(folder, "key.pub")
            _write(public, key.name.encode() + b"\n")
            argv += ["-f", public, "-U"]  # its private half is in the agent
        else:
            argv += ["-f", key.name]
        answer = ask([*argv, *paths.values()], env, seconds=seconds, interactive=interactive)
        try:
            if answer.code == 0:
                return {name: _read(path + ".sig") for name, path in paths.items()}
        except FileNotFoundError:
            pass
    complaint = answer.complaint.removeprefix("Enter passphrase: ")[:300]
    raise SigningError(f"ssh-keygen could not sign: {complaint}", hint=_way_out(key))


def _by_gpg(key: SigningKey, data: bytes, env: Mapping[str, str], seconds: float, interactive: bool) -> bytes:
    argv = [key.program, "--status-fd=2", "--detach-sign", "--armor", "--local-user", key.name]
    if not interactive:
        argv[1:1] = ["--batch", "--no-tty", "--pinentry-mode", "error"]
    answer = ask(argv, env, given=data, seconds=seconds, interactive=interactive)
    if answer.code != 0 or "BEGIN PGP SIGNATURE" not in answer.out:
        complaint = answer.complaint.removeprefix("gpg: ")[:300]
        raise SigningError(f"gpg could not sign: {complaint}", hint=f"gpg --list-secret-keys; or with ssh: {SET_UP}")
    return answer.out.encode()


def _way_out(key: SigningKey) -> str:
    if key.literal:
        return "ssh-add -L lists the keys that the agent has; ssh-add PATH adds one"
    private = key.name.removesuffix(".pub")
    return f"ssh-add {private}" if os.path.exists(private) else SET_UP


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
