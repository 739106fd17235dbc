"""Secrets in command lines, URLs and error messages, replaced by ``***``.

This works on what gtrack is about to write of itself, and errs on the side of hiding. What may enter a snapshot of the
code is judged elsewhere, by a scan of whole files.
"""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "is_secret_name", "redact_text", "split_userinfo"]

HIDDEN = "***"

_SECRET_WORDS = frozenset(
    "apikey auth authorization bearer cookie cred creds credential credentials pass passphrase passwd password pw pwd "
    "secret secrets token accesskey secretkey".split()
)
_SECRET_ENDINGS = ("apikey", "passphrase", "passwd", "password", "secret", "token")
_SECRET_KEYS = frozenset("access account api auth deploy encryption license private secret signing ssh storage".split())
_HARMLESS_BEFORE = {
    # The tokens of a language model, and a pass over the data, are no secrets.
    "token": frozenset(
        "add audio blank bos class cls end eos first image is last mask max min n new next num pad per placeholder "
        "prefix sep special start stop suffix unk video".split()
    ),
    "pass": frozenset("backward first forward full multi n num one per second single two".split()),
}

_WORD_BREAK = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_URL = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*://)([^\s\"<>]+)")
_ASSIGNMENT = re.compile(r"(?<![\w.-])([\w.-]+)=(\"[^\"]*\"|'[^']*'|[^\s,;&\"')\]}]+)")
_MAPPING = re.compile(r"""(["'])([\w.-]+)\1(\s*:\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_SIGNED = re.compile(r"([?&][\w-]*sig(?:nature)?=)[^&\s\"'#]+", re.IGNORECASE)  # of pre-signed URLs: S3, Azure, GCS
_HEADER = re.compile(
    r"(?<![\w-])((?:proxy-)?authorization|x-api-key|private-token|(?:set-)?cookie)(\s*:\s*)[^\r\n\"']+", re.IGNORECASE
)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"  # GitHub
    r"|gl[a-z]{2,6}-[\w-]{20,}"  # GitLab
    r"|hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|sk-[\w-]{20,}|[rs]k_(?:live|test)_\w{16,}"  # OpenAI, Anthropic; Stripe
    r"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}"  # Google
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{50,}"  # package registries
    r"|dapi[0-9a-f]{32}|dop_v1_[0-9a-f]{40,}"  # Databricks, DigitalOcean
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # a JSON web token
    r")|(?<![A-Za-z])(?:(?<=Bearer )|(?<=bearer ))[\w.~+/=-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)


def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name is likely to be a secret.

    Example:
        >>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("db.password"), is_secret_name("pad_token")
        (True, True, False)
    """
    words = [word.lower() for word in _WORD_BREAK.split(name) if word]
    if words[-1:] == ["id"]:
        words.pop()  # AWS_ACCESS_KEY_ID
        if words[-1:] != ["key"]:
            return False  # token_id, secret_id: names of secrets
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "key":
        return before in _SECRET_KEYS
    if before in _HARMLESS_BEFORE.get(last, ()):
        return False
    return last in _SECRET_WORDS or last.endswith(_SECRET_ENDINGS) or (before, last) == ("connection", "string")


def split_userinfo(rest: str) -> tuple[str, str]:
    """Split what follows ``scheme://`` into the user part (empty without one) and host, path and all else.

    A password may hold an unescaped ``@``, and against the rules a slash; both belong to the user part.

    Example:
        >>> split_userinfo("ada:p@ss@example.org/x@2")
        ('ada:p@ss', 'example.org/x@2')
    """
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        cut = authority.rfind("@")
    elif ":" in authority and not authority.startswith("[") and not re.search(r":\d*\Z", authority):
        cut = rest.rfind("@")  # "user:pa" cannot be host and port
    else:
        cut = -1
    return rest[: max(cut, 0)], rest[cut + 1 :]


def redact_text(text: str) -> str:
    """Return ``text`` with the secrets in it replaced by ``***``.

    Hidden are the user parts and signatures of URLs, the values of ``name=value`` and ``"name": "value"`` whose names
    suggest a secret, authorization headers, private keys, and tokens of well-known shapes.

    Example:
        >>> redact_text("cannot reach postgres://ada:hunter2@db/churn?sslkey=x&password=y")
        'cannot reach postgres://***@db/churn?sslkey=x&password=***'
    """
    if "://" in text:
        text = _URL.sub(_hide_userinfo, text)
    if "=" in text:
        text = _SIGNED.sub(rf"\1{HIDDEN}", _ASSIGNMENT.sub(_hide_assigned, text))
    if ":" in text:
        text = _MAPPING.sub(_hide_mapped, text)
        text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    return _TOKEN.sub(HIDDEN, text)


def _hide_userinfo(match: re.Match[str]) -> str:
    user, rest = split_userinfo(match.group(2))
    # "ssh://git@host" and "https://git@host" name no secret; any other lone user may be a token.
    hidden = "" if not user else "git@" if user == "git" else f"{HIDDEN}@"
    return match.group(1) + hidden + rest


def _hide_assigned(match: re.Match[str]) -> str:
    return f"{match.group(1)}={HIDDEN}" if is_secret_name(match.group(1)) else match.group()


def _hide_mapped(match: re.Match[str]) -> str:
    quote, name, colon, value = match.groups()
    return f"{quote}{name}{quote}{colon}{value[0]}{HIDDEN}{value[0]}" if is_secret_name(name) else match.group()
