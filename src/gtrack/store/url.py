"""Where a store is: its URL and options, checked before anything is opened.

A store is one place of one protocol. What fsspec would make of a URL beyond that (chains of protocols, credentials,
queries) is refused, as are addresses at which clouds tell a machine its own credentials.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gtrack.errors import UsageError
from gtrack.text import clean

__all__ = ["PROTOCOLS", "Location", "parse_location", "parse_option", "read_setting"]

PROTOCOLS: Mapping[str, str] = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
    "sftp": "sftp",
    "ssh": "sftp",
    "file": "file",
}
"""What a URL may begin with, and what that is to gtrack."""

_LONGEST = 1000
_MOST_OPTIONS = 20
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_OPTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|::")
_PART = 255
_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal", "metadata.azure.internal"}
)
_METADATA_ADDRESSES = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"))
)
"""Alibaba, Oracle, Azure, Amazon over IPv6; all others are link-local."""

_SECRET = re.compile(
    r"(^|[._])(key|secret|token|password|passwd|passphrase|pass|pwd|credentials?|sas|sas_token|account_key|access_key|"
    r"access_key_id|secret_key|secret_access_key|session_token|aws_\w+|connection_string|client_secret|private_key|"
    r"pkey|client_keys_data|authorization|auth)$"
)
_HARMLESS = {("gs", "token"): frozenset({"anon", "cloud", "google_default"})}
"""Words that say where to look for credentials, and are none."""
_WHERE = {
    "s3": "the environment (AWS_ACCESS_KEY_ID, ...) or ~/.aws, as for the aws command",
    "gs": "the environment (GOOGLE_APPLICATION_CREDENTIALS) or gcloud auth application-default login",
    "az": "the environment (AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN)",
    "sftp": "an ssh agent, or ~/.ssh/config with a key",
    "file": "the file system",
}
_SHARED: Mapping[str, frozenset[str]] = {
    "s3": frozenset({"endpoint_url", "anon", "requester_pays", "client_kwargs.region_name", "use_ssl"}),
    "gs": frozenset({"endpoint_url", "project", "requester_pays", "token"}),
    "az": frozenset({"account_name", "anon"}),
    "sftp": frozenset({"port"}),
    "file": frozenset(),
}
"""Options that ``gtrack.yaml`` may hold: they say where the store is. Others are each person's own."""


@dataclass(frozen=True, slots=True)
class Location:
    """One store.

    Attributes:
        url: The URL as it was written, or the absolute path; it holds no credentials.
        protocol: ``s3``, ``gs``, ``az``, ``sftp`` or ``file``.
        path: The bucket or container and the prefix in it, or the folder; no slash at the end.
        host: The host and user of ``sftp``, the account's host of ``az``; empty for the others.
        options: What else the client has to know, such as ``endpoint_url``.
    """

    url: str
    protocol: str
    path: str
    host: str = ""
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The URL, safe to print."""
        return clean(self.url)

    @property
    def value(self) -> str:
        """URL and options as one text: what was agreed to, when somebody agreed."""
        return f"{self.url} {json.dumps(self.options, sort_keys=True)}" if self.options else self.url

    @property
    def credentials(self) -> str:
        """Where its client looks for credentials."""
        return _WHERE[self.protocol]

    def shared_options(self) -> dict[str, object]:
        """Return the options that the team's file may hold."""
        return {key: value for key, value in self.options.items() if key in _SHARED[self.protocol]}


def parse_location(url: str, options: Mapping[str, object] | None = None, *, base: str | None = None) -> Location:
    """Read and check where a store is.

    Args:
        url: A URL or a path.
        options: What the client has to know besides.
        base: The folder that a relative path is meant from; None where none may be used.

    Raises:
        UsageError: It is no place that a store can be at, or it holds credentials.

    Example:
        >>> parse_location("s3://team-store/churn").path
        'team-store/churn'
    """
    if not url or len(url.encode("utf-8", "replace")) > _LONGEST:
        raise UsageError(f"the URL of a store has 1 to {_LONGEST:,} characters", hint="such as s3://bucket/prefix")
    shown = clean(_masked(url))
    if _UNSAFE.search(url) or not url.isprintable():
        raise UsageError(
            f"{shown!r:.200} is not the URL of a store: it has control characters, a backslash or ::",
            hint="name one place of one protocol, such as s3://bucket/prefix",
        )
    scheme = _SCHEME.match(url)
    if scheme is None or (scheme[2] is None and "/" in url.partition(":")[0]):
        location = _folder(url, url, base)
    else:
        protocol = PROTOCOLS.get(scheme[1].lower())
        if protocol is None or scheme[2] is None:
            known = ", ".join(f"{name}://" for name in ("s3", "gs", "az", "sftp", "file"))
            raise UsageError(f"{shown!r:.200} is of a kind that gtrack keeps no artifacts at", hint=f"use {known}")
        rest = url[scheme.end() :]
        location = _of_file(url, rest) if protocol == "file" else _of_server(url, shown, protocol, rest)
    checked = _options(location.protocol, options or {})
    return Location(location.url, location.protocol, location.path, location.host, checked)


def parse_option(text: str) -> tuple[str, object]:
    """Read an option of the command line or of git's configuration, ``endpoint_url=http://minio:9000``.

    Raises:
        UsageError: It is not of that form.
    """
    key, equals, value = text.partition("=")
    if not equals or not _OPTION.fullmatch(key):
        raise UsageError(f"{clean(_masked(text))!r:.80} is no option", hint="such as endpoint_url=http://minio:9000")
    words: dict[str, object] = {"true": True, "false": False}
    return key, words.get(value.lower(), int(value) if re.fullmatch(r"\d{1,9}", value) else value)


def read_setting(value: object) -> Location:
    """Read what ``store:`` of the team's file holds: a URL, or a map of ``url`` and ``options``.

    Raises:
        UsageError: It is neither, or holds what a file that everybody gets must not decide.
    """
    given = {"url": value} if isinstance(value, str) else value
    if not isinstance(given, dict) or set(given) - {"url", "options"} or not isinstance(given.get("url"), str):
        raise UsageError("a store is a URL, or a map of url and options", hint="store: s3://bucket/prefix")
    options = {} if given.get("options") is None else given["options"]
    if not isinstance(options, dict):
        raise UsageError("the options of a store are a map", hint='options: {"endpoint_url": "http://minio:9000"}')
    location = parse_location(given["url"], options)
    own = sorted(set(location.options) - _SHARED[location.protocol])
    if own:
        raise UsageError(
            f"the option {own[0]} of a store is each person's own: it does not come with the repository",
            hint=f"git config --add gtrack.storeOption {own[0]}=VALUE",
        )
    return location


def _of_file(url: str, rest: str) -> Location:
    host, slash, path = rest.partition("/")
    if host or not slash:
        raise UsageError(f"{clean(url)!r:.200} names a host: file:// reaches none", hint="such as file:///srv/store")
    return _folder(url, "/" + path, None)


def _folder(url: str, path: str, base: str | None) -> Location:
    if not os.path.isabs(path):
        if base is None:
            raise UsageError(f"{clean(url)!r:.200} is not an absolute path", hint="such as /srv/gtrack-store")
        path = url = os.path.normpath(os.path.join(base, path))
    _check_parts(url, [part for part in path.split("/") if part])
    path = os.path.normpath("/" + path.lstrip("/"))
    if path == "/":
        raise UsageError("the root of the file system is no store", hint="name a folder, such as /srv/gtrack-store")
    return Location(url, "file", path)


def _of_server(url: str, shown: str, protocol: str, rest: str) -> Location:
    if "?" in rest or "#" in rest or "%" in rest:
        raise UsageError(
            f"{shown!r:.200} has a query, fragment or escape: the URL of a store is its plain path",
            hint=_hint(protocol),
        )
    authority, _, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and (protocol in ("s3", "gs") or ":" in user or not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", user)):
        raise UsageError(f"{shown!r:.200} holds credentials, which are never shared", hint=_hint(protocol))
    name, colon, port = host.rpartition(":") if re.search(r":\d*$", host) else (host, "", "")
    if not _HOST.fullmatch(name) or (colon and (protocol != "sftp" or not 0 < int(port or 0) < 65536)):
        raise UsageError(f"{shown!r:.200} names no {'host' if protocol == 'sftp' else 'bucket'}", hint=_hint(protocol))
    _refuse_metadata(name)
    parts = path.rstrip("/").split("/") if path.rstrip("/") else []
    _check_parts(url, parts)
    if protocol == "sftp":
        if not parts:
            raise UsageError(f"{shown!r:.200} names no folder", hint="such as sftp://host/srv/gtrack-store")
        return Location(url, protocol, "/" + "/".join(parts), authority)
    if protocol == "az" and at:
        return Location(url, protocol, "/".join([user, *parts]), host)
    return Location(url, protocol, "/".join([host, *parts]))


def _check_parts(url: str, parts: list[str]) -> None:
    if any(part in ("", ".", "..") or len(part.encode()) > _PART for part in parts):
        raise UsageError(f"{clean(url)!r:.200} has a part that is empty, a dot or too long", hint="name it in full")


def _options(protocol: str, options: Mapping[str, object]) -> dict[str, object]:
    if len(options) > _MOST_OPTIONS:
        raise UsageError(f"a store has at most {_MOST_OPTIONS} options")
    for key, value in options.items():
        if not isinstance(key, str) or not _OPTION.fullmatch(key):
            raise UsageError(f"{clean(str(key))!r:.80} is no option", hint="such as endpoint_url=http://minio:9000")
        if not isinstance(value, str | int | bool) or len(str(value)) > _LONGEST:
            raise UsageError(f"the option {key} is neither a text nor a number nor true or false")
        text = str(value)
        if _SECRET.search(key) and text not in _HARMLESS.get((protocol, key), ()):
            raise UsageError(
                f"the option {key} holds credentials, which gtrack neither keeps nor shares",
                hint=f"put them into {_WHERE[protocol]}",
            )
        if not text.isprintable() or "::" in text:
            raise UsageError(f"the option {key} has control characters or ::")
        if "://" in text:
            _check_endpoint(protocol, key, text)
        else:
            _refuse_metadata(text)
    return dict(options)


def _check_endpoint(protocol: str, key: str, text: str) -> None:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        host = ""
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"the option {key} is {clean(_masked(text))!r:.100}, which is no http or https address")
    if parts.username or parts.password or parts.query:
        raise UsageError(
            f"the option {key} holds credentials, which are never shared", hint=f"put them into {_WHERE[protocol]}"
        )
    _refuse_metadata(unquote(host))


def _refuse_metadata(host: str) -> None:
    """Refuse the addresses at which clouds tell a machine its credentials, in any spelling of an address.

    See https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html.
    """
    name = host.strip("[]").rstrip(".").lower()
    if name in _METADATA_NAMES or _is_metadata(name):
        raise UsageError(f"{clean(host)!r:.100} is an address that only a machine itself asks, and no store")


def _is_metadata(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        number = _as_number(name)
        if number is None:
            return False
        address = ipaddress.ip_address(number)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_link_local or address in _METADATA_ADDRESSES


def _as_number(name: str) -> int | None:
    """Return an IPv4 address that is written as the C library allows: ``0xa9fea9fe``, ``169.254.43518``, octal."""
    parts = name.split(".")
    if not 1 <= len(parts) <= 4 or not all(re.fullmatch(r"0x[0-9a-f]+|\d+", part) for part in parts):
        return None
    try:
        values = [int(part, 16 if part.startswith("0x") else 8 if part.startswith("0") and part != "0" else 10)
                  for part in parts]  # fmt: skip
    except ValueError:
        return None
    number = values[-1]
    for position, value in enumerate(values[:-1]):
        number += value << (24 - 8 * position)
    return number if number < 1 << 32 else None


def _masked(url: str) -> str:
    """Return a URL without what may be credentials in it."""
    return re.sub(r"([?#]).*", r"\1...", re.sub(r"(://)[^/\s]*@", r"\1...@", url))


def _hint(protocol: str) -> str:
    return f"credentials belong into {_WHERE[protocol]}"
