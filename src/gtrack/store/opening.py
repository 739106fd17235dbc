"""Opening what fsspec reaches: the client of a protocol, or the package that is missing for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from gtrack.branch.transport_url import without_credentials
from gtrack.errors import MissingExtraError, UsageError
from gtrack.store.place import Place
from gtrack.store.trouble import said_by
from gtrack.store.url import Location
from gtrack.text import clean

__all__ = ["EXTRAS", "open_place", "open_url", "require_fsspec"]

EXTRAS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("s3", "s3a"), ("s3fs", "s3")),
    **dict.fromkeys(("gs", "gcs"), ("gcsfs", "gs")),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), ("adlfs", "azure")),
    **dict.fromkeys(("sftp", "ssh"), ("sshfs", "ssh")),
}
"""The module that a protocol needs, and the extra that brings it."""

_CONNECT, _READ = 10, 60
"""Seconds to wait for a connection, and for an answer."""


def require_fsspec() -> None:
    """Say what to install where fsspec is not.

    Raises:
        MissingExtraError: It is not installed.
    """
    if find_spec("fsspec") is None:
        raise MissingExtraError("fsspec", "fsspec")


def open_url(url: str) -> tuple[Any, str]:
    """Return fsspec's filesystem of a URL that somebody typed, and the path in it: any protocol that fsspec knows.

    Raises:
        MissingExtraError: fsspec is not installed, or what the protocol needs.
        UsageError: fsspec does not know the protocol.
    """
    require_fsspec()
    from fsspec.core import url_to_fs

    shown, protocol = clean(without_credentials(url)), url.partition(":")[0].lower()
    try:
        return url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        if protocol in EXTRAS:
            raise MissingExtraError(*EXTRAS[protocol]) from error
        raise UsageError(f"{shown} needs a package that is not installed: {said_by(error)}") from error
    except ValueError as error:
        raise UsageError(f"{shown} is nowhere to write to: {said_by(error)}") from error


def open_place(location: Location, *, mark: str, memory: str) -> Place:
    """Open a store. Nothing is asked of it yet, but ssh connects when it is first used.

    Args:
        location: Where it is.
        mark: This clone's id: it tells its unfinished uploads from others'.
        memory: A folder for what has to be remembered of unfinished uploads.

    Raises:
        MissingExtraError: A package is not installed.

    Example:
        >>> open_place(parse_location("/srv/gtrack-store"), mark="0" * 16, memory="/tmp/uploads").stat("store.yaml")
        Stored(key='store.yaml', size=10, modified=1795690000.0)
    """
    if location.protocol == "file":
        from gtrack.store.local_place import LocalPlace

        return LocalPlace(location.path, mark)
    require_fsspec()
    if location.protocol == "sftp":
        from gtrack.store.sftp_place import SftpPlace

        return SftpPlace(location, mark)
    if location.protocol == "s3":
        from gtrack.store.multipart import Uploads
        from gtrack.store.s3_place import S3Place

        fs = _client(location, _for_s3(location))
        fs.retries = 1
        return S3Place(fs, location.path, Uploads(memory, location.value))
    from gtrack.store.object_place import ObjectPlace

    return ObjectPlace(_client(location, _for_azure(location)), location.path)


def _client(location: Location, options: Mapping[str, Any]) -> Any:
    module, extra = EXTRAS[location.protocol]
    if find_spec(module) is None:
        raise MissingExtraError(module, extra)
    import fsspec

    # By its protocol and never by its URL, which could say more than where a store is. Not shared with others of this
    # process, whose options these are not.
    return fsspec.filesystem(location.protocol, **options, use_listings_cache=False, skip_instance_cache=True)


def _nested(options: Mapping[str, object]) -> dict[str, Any]:
    """Return options with ``client_kwargs.region_name`` as a map in a map."""
    out: dict[str, Any] = {}
    for key, value in options.items():
        outer, dot, inner = key.partition(".")
        if dot:
            out.setdefault(outer, {})[inner] = value
        else:
            out[key] = value
    return out


def _for_s3(location: Location) -> dict[str, Any]:
    options = _nested(location.options)
    # Attempts are made in one place, which knows how far a transfer has come: see gtrack.store.trouble.
    once = {"connect_timeout": _CONNECT, "read_timeout": _READ, "retries": {"total_max_attempts": 1}}
    options["config_kwargs"] = {**once, **options.get("config_kwargs", {})}
    return options


def _for_azure(location: Location) -> dict[str, Any]:
    options = _nested(location.options)
    if location.protocol == "az" and location.host:
        options.setdefault("account_name", location.host.partition(".")[0])
    return options
