"""The command that started a run, and a remote's name, without the secrets in them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence

from gtrack.capture.redact import HIDDEN, is_secret_name, redact_text, split_userinfo

__all__ = ["current_command", "redact_command", "strip_credentials"]

_PLAIN = frozenset(("", "true", "false", "none", "null", "yes", "no", HIDDEN))
"""Values that no secret has: an option of a secret's name may be a switch."""

_OPTION = re.compile(r"--?[A-Za-z][\w.-]*\Z")
_KEY_VALUE = re.compile(r"([-+~]*[A-Za-z_][\w./@-]*)=(.*)\Z", re.DOTALL)
_DEFAULT_PORT = re.compile(r":(?:22|80|443|9418)?\Z")
_SCP = re.compile(r"(?:[^/@:]+@)?(\[[0-9A-Fa-f:]+\]|[^/:\[\]]{2,}):(?!//)(.*)\Z", re.DOTALL)
_TAKES_VALUE = frozenset(("-W", "-X", "--check-hash-based-pycs"))


def redact_command(argv: Sequence[str]) -> list[str]:
    """Return a command line with its secrets replaced by ``***``.

    Hidden are the values of options and ``KEY=VALUE`` words whose names suggest a secret, and whatever
    :func:`~gtrack.capture.redact.redact_text` finds within a word.

    Args:
        argv: The words of the command.

    Example:
        >>> redact_command(["train.py", "--lr=0.1", "--api-key", "s3cr3t", "db.password=x"])
        ['train.py', '--lr=0.1', '--api-key', '***', 'db.password=***']
    """
    words: list[str] = []
    secret_follows = False
    for word in argv:
        if secret_follows and not word.startswith("--"):
            words.append(word if word.lower() in _PLAIN else HIDDEN)
            secret_follows = False
            continue
        secret_follows = _OPTION.match(word) is not None and is_secret_name(word)
        pair = _KEY_VALUE.match(word)
        if pair and is_secret_name(pair.group(1)) and pair.group(2).lower() not in _PLAIN:
            words.append(f"{pair.group(1)}={HIDDEN}")
        else:
            words.append(redact_text(word))
    return words


def strip_credentials(url: str) -> str:
    """Return the name of a git remote: host and path, without scheme, user, password, query and ``.git``.

    The same repository reached over https and ssh gets the same name. Of a local path only the last component is
    told, as the others may name people.

    Args:
        url: A remote as git accepts it; hostile text is fine, nothing is raised.

    Example:
        >>> strip_credentials("https://ada:t0ken@github.com/acme/churn.git")
        'github.com/acme/churn'
        >>> strip_credentials("git@github.com:acme/churn.git"), strip_credentials("/home/ada/churn")
        ('github.com/acme/churn', 'file:churn')
    """
    url = "".join(char for char in str(url) if char.isprintable()).strip()
    helper, colons, address = url.partition("::")
    if colons and helper.replace("-", "").isalnum():  # gitremote-helpers(7): "transport::address", also a command
        return strip_credentials(address) if "://" in address else helper
    scheme, colons, rest = url.partition("://")
    if not colons:
        scp = _SCP.match(url)
        if scp is None:
            return _local(url)
        return _remote(scp.group(1), scp.group(2))
    if scheme.lower() == "file":
        return _local(rest)
    host, _, path = re.split(r"[?#]", split_userinfo(rest)[1], maxsplit=1)[0].partition("/")
    return _remote(_DEFAULT_PORT.sub("", host), path)


def _remote(host: str, path: str) -> str:
    return redact_text("/".join(filter(None, (host.lower(), _trim(path).lstrip("/")))))


def _local(path: str) -> str:
    return "file:" + redact_text(re.split(r"[/\\]", _trim(path))[-1])


def _trim(path: str) -> str:
    path = path.rstrip("/\\")
    return path.removesuffix("/.git").removesuffix(".git").rstrip("/\\")


def current_command(env: Mapping[str, str] | None = None) -> list[str]:
    """Return the command that runs this process, redacted, in a form that can be repeated in a checkout.

    The interpreter goes by its name alone, an installed command replaces the interpreter and its path, and a script
    below the working directory is named relative to it. A notebook gives ``["notebook", name]``, the name if known.

    Args:
        env: The process's environment, which names the notebook where Jupyter says it.
    """
    argv = list(sys.orig_argv)
    if any("ipykernel_launcher" in word for word in argv[1:4]):
        return _notebook(env or {})
    if not argv:
        return []
    interpreter = argv[0]
    argv[0] = os.path.basename(interpreter)
    index = _script_index(argv)
    if index is not None and os.path.isabs(argv[index]):
        folder, name = os.path.split(argv[index])
        if folder in (os.path.dirname(interpreter), os.path.join(sys.prefix, "bin")):
            argv[: index + 1] = [name]
        else:
            argv[index] = _relative(argv[index])
    return redact_command(argv)


def _script_index(argv: Sequence[str]) -> int | None:
    """Return which word is the script, or None for ``-c``, ``-m`` and no script at all."""
    index = 1
    while index < len(argv):
        word = argv[index]
        if not word.startswith("-"):
            return index
        if not word.startswith("--") and word[-1] in "cm" and word[1] not in "WX":
            return None
        index += 2 if word in _TAKES_VALUE else 1
    return None


def _relative(path: str) -> str:
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # the working directory was removed
        return path
    return path[len(here) :] if len(here) > 1 and path.startswith(here) else path


def _notebook(env: Mapping[str, str]) -> list[str]:
    main = sys.modules.get("__main__")
    path = env.get("JPY_SESSION_NAME") or getattr(main, "__vsc_ipynb_file__", None)
    name = os.path.basename(str(path)) if path else ""
    return ["notebook", redact_text(name)] if name else ["notebook"]
