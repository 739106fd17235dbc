"""What looks like a secret: file names, and credentials inside text.

The aim is to keep the keys people really leave lying about out of published snapshots without ever taking ordinary
code for one: a token is recognised by its provider's own prefix, and a value assigned to a name such as ``api_key``
only when it looks random. Prefixes are those that the providers document for their own secret scanning.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

__all__ = ["find_secrets", "is_secret_name"]

_NAMES = frozenset(
    """
    .env .envrc .netrc _netrc .pgpass .my.cnf .htpasswd .pypirc .git-credentials .dockercfg .s3cfg .boto .secrets
    .vault-token .renviron id_rsa id_dsa id_ecdsa id_ed25519 id_ecdsa_sk id_ed25519_sk credentials kubeconfig
    kaggle.json terraform.tfstate token .token token.txt token.json api_key.txt apikey.txt
    """.split()
)
_SUFFIXES = (".pem", ".key", ".p12", ".pfx", ".p8", ".jks", ".keystore", ".kdbx", ".ppk", ".token", ".tfvars")
_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".azure", ".gcloud"})
_TEMPLATES = (".example", ".sample", ".template", ".dist", ".tmpl", ".defaults")
_DATA = r"\.(?:json|ya?ml|toml|ini|cfg|conf|csv|txt|env|properties|xml)\Z"
_STEMS = (
    r"(?:.*[._-])?(?:credentials?|secrets?|passwords?|client[_-]?secret.*|service[_-]?account.*|api[_-]?keys?"
    r"|access[_-]?keys?|(?:auth|access|refresh)[_-]?tokens?)"
)


def is_secret_name(path: str) -> bool:
    """Tell whether a file is a secret by its name alone, whatever is in it.

    Source files are not: ``secrets.py`` is code, ``secrets.yaml`` is not.

    Args:
        path: A path with ``/`` between its components.

    Example:
        >>> is_secret_name("conf/.env.production"), is_secret_name("conf/.env.example")
        (True, False)
    """
    *folders, name = path.lower().split("/")
    if name.endswith(_TEMPLATES):
        return False
    return (
        name in _NAMES
        or name.startswith(".env.")
        or name.endswith((*_SUFFIXES, ".env"))
        or not _FOLDERS.isdisjoint(folders)
        or (folders[-1:] == [".docker"] and name == "config.json")
        or _data_file().match(name) is not None
    )


@cache
def _data_file() -> re.Pattern[str]:
    return re.compile(_STEMS + _DATA)


def find_secrets(data: bytes) -> dict[bytes, str]:
    """Return every string in ``data`` that looks like a secret, and what it looks like.

    Args:
        data: The content of a text file in any encoding that extends ASCII.

    Returns:
        From the secret itself to its kind, such as ``GitHub token``. Print the kind, never the secret.
    """
    found: dict[bytes, str] = {}
    lowered = data.lower()
    for kind, markers, pattern in _providers():
        if any(marker in lowered for marker in markers):
            found.update((match[1], kind) for match in pattern.finditer(data))
    if any(marker in lowered for marker in _KEYWORDS):
        for value in _assigned(data, lowered):
            found.setdefault(value, "password or key")
    return found


# (kind, lower-case strings one of which must occur before the pattern is tried, pattern with the secret in group 1)
_PROVIDERS = (
    ("AWS key", (b"akia", b"asia", b"abia", b"acca"), rb"(?<![A-Za-z0-9])((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b"),
    (
        "private key",
        (b"private key",),
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[\s\"'+,>#])*"
        rb"(?:[A-Za-z-]+: [^\r\n]*\s+)*([A-Za-z0-9+/=]{10,})",
    ),
    (
        "GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
        rb"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    ),
    (
        "GitLab token",
        (b"glpat-", b"gldt-", b"glrt-", b"glcbt-", b"glptt-", b"glft-", b"glsoat-"),
        rb"\b(gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w-]{20,})",
    ),
    (
        "Slack token",
        (b"xox", b"xapp-", b"hooks.slack.com"),
        rb"\b(xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w{16,})",
    ),
    ("Anthropic key", (b"sk-ant-",), rb"\b(sk-ant-[\w-]{20,})"),
    ("OpenAI key", (b"sk-",), rb"(?<![\w-])(sk-(?:(?:proj|svcacct|admin|or-v1)-[\w-]{20,}|[A-Za-z0-9]{20,}))"),
    ("Stripe key", (b"k_live_", b"k_test_"), rb"\b([sr]k_(?:live|test)_[0-9A-Za-z]{16,})"),
    ("Hugging Face token", (b"hf_", b"api_org_"), rb"\b((?:hf|api_org)_[A-Za-z0-9]{30,})"),
    (
        "Google key",
        (b"aiza", b"ya29.", b"gocspx-"),
        rb"\b(AIza[0-9A-Za-z_-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})",
    ),
    ("npm token", (b"npm_",), rb"\b(npm_[A-Za-z0-9]{36})"),
    ("PyPI token", (b"pypi-",), rb"\b(pypi-AgEI[\w-]{30,})"),
    ("Databricks token", (b"dapi",), rb"\b(dapi[0-9a-f]{32})\b"),
    ("Groq key", (b"gsk_",), rb"\b(gsk_[A-Za-z0-9]{40,})"),
    ("Replicate token", (b"r8_",), rb"\b(r8_[A-Za-z0-9]{37,})"),
    ("SendGrid key", (b"sg.",), rb"\b(SG\.[\w-]{16,}\.[\w-]{16,})"),
    ("DigitalOcean token", (b"_v1_",), rb"\b(do[opr]_v1_[0-9a-f]{64})\b"),
    ("Azure key", (b"accountkey=",), rb"(?i)\bAccountKey=([A-Za-z0-9+/=]{40,})"),
    ("JSON web token", (b"eyj",), rb"\b(eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"),
    (
        "password in a URL",
        (b"://",),
        rb"://[\w.%+-]*:(?!\w*(?:pass|pw|secret|token|xxx))([^\s/:@\"'<>{}$*\[\]()]{6,})@[\w\[]",
    ),
)

_KEYWORDS = (b"passw", b"passphrase", b"pwd", b"secret", b"token", b"credential", b"_key", b"-key", b"apikey")
# The pattern below runs on lower-cased text (its offsets are those of the original), which is much faster than
# re.IGNORECASE: the engine can then skip to the first letters of the alternatives.
_NAME = (
    rb"(?:passw(?:or)?d|passphrase|pwd|secret|token|credential"
    rb"|(?:api|access|auth|account|private|secret|encryption|signing)[_-]?key(?:[_-]?id)?)"
)
_ASSIGNMENT = _NAME + (
    rb"(?:(?:\\?[\"'])?\]?\s{0,8}(?:: ?str ?)?(?:=>|:=|[=:,])\s{0,8}[rbf]?\\?(?P<quote>[\"'])"
    rb"(?P<quoted>[^\"'\\\s]{12,512})\\?(?P=quote)"
    rb"|[ \t]*[=:][ \t]*(?P<bare>[\w+/=~!@^&*-]{16,512})[ \t]*\r?$)"
)
_PLACEHOLDER = re.compile(
    rb"[<{(\[$%*]|(?:your|my|the|some|insert|replace|change|todo|dummy|fake|env|none|null|os|self|x+)[-_.]"
    rb"|\.{0,2}/(?:home|usr|opt|var|tmp|etc|run|mnt|data|root)\b|\.{1,2}/|~/|https?:",
    re.IGNORECASE,
)
_DIGIT_EDGE = re.compile(rb"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


@cache
def _providers() -> tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes]], ...]:
    return tuple((kind, markers, re.compile(pattern)) for kind, markers, pattern in _PROVIDERS)


@cache
def _assignment() -> re.Pattern[bytes]:
    return re.compile(_ASSIGNMENT, re.MULTILINE)


def _assigned(data: bytes, lowered: bytes) -> Iterator[bytes]:
    for match in _assignment().finditer(lowered):
        bare = match["bare"] is not None
        start, end = match.span("bare" if bare else "quoted")
        value = data[start:end]
        # Without quotes it may be code, `token = next_token_2`: ask for more.
        if _random_looking(value) and (_edges(value) >= 3 or not bare):
            yield value


def _random_looking(value: bytes) -> bool:
    """Tell a generated value from a word, a path, an identifier or a placeholder.

    What chance makes and people do not: letters and digits that alternate, or all three of upper case, lower case
    and digits at an entropy over 3.7 bits a character.
    """
    if _PLACEHOLDER.match(value):
        return False
    if _edges(value) >= 3:
        return _entropy(value) >= 2.8
    classes = sum(re.search(kind, value) is not None for kind in (rb"[a-z]", rb"[A-Z]", rb"[0-9]"))
    return classes == 3 and len(value) >= 20 and _entropy(value) >= 3.7


def _edges(value: bytes) -> int:
    return len(_DIGIT_EDGE.findall(value))


def _entropy(value: bytes) -> float:
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
