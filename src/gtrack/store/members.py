"""Which repositories use a store: each leaves a note there, so that nobody removes what another one needs.

``store.yaml`` says what the folder is and in which format; ``repositories/<sha12 of the id>.yaml`` is the note of one
repository. A file for each, since two that come at the same moment would lose one of two lines in a common file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.errors import DamageError, FormatError, ParseError
from gtrack.format import yaml
from gtrack.ids import sha12
from gtrack.store.place import Place
from gtrack.text import clean

__all__ = ["ABOUT", "Member", "members", "register"]

ABOUT = "store.yaml"
_NOTES = "repositories/"
_FORMAT = b"format: 1\n"
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """A repository that uses a store.

    Attributes:
        id: What tells it from others; see :func:`gtrack.ops.store_settings.repository_id`.
        remote: The URL of the remote that has its runs, without credentials; None where it has none.
        since: When it first used the store, as in a run's documents.
    """

    id: str
    remote: str | None
    since: str


def register(place: Place, member: Member) -> bool:
    """Note that a repository uses a store, unless that is noted.

    Args:
        place: The store.
        member: The repository.

    Returns:
        Whether it was new there.

    Raises:
        FormatError: A newer gtrack has made the store.
        DamageError: ``store.yaml`` is not a store's.
    """
    if _checked(place) is None:
        place.write(ABOUT, _FORMAT)
    key = _note_of(member.id)
    if place.stat(key) is not None:
        return False
    place.write(key, yaml.dump({"format": 1, "id": member.id, "remote": member.remote, "since": member.since}))
    return True


def members(place: Place) -> list[Member]:
    """Return the repositories that use a store.

    Raises:
        FormatError: A newer gtrack has made the store.
        DamageError: A note cannot be read: what it stands for would not be known.
    """
    _checked(place)
    found = [entry.key for entry in place.entries(_NOTES) if entry.key.endswith(".yaml")]
    return [_read(place, key) for key in sorted(found)]


def _note_of(repository: str) -> str:
    return f"{_NOTES}{sha12(repository.encode())}.yaml"


def _checked(place: Place) -> Mapping[str, object] | None:
    """Return what the store says of itself; None where there is no store yet."""
    if place.stat(ABOUT) is None:
        return None
    document = _document(place, ABOUT)
    form = document.get("format")
    if not isinstance(form, int):
        raise DamageError(f"{ABOUT} of the store is none of gtrack's")
    if form > 1:
        raise FormatError(
            f"the store is of format {form}, which this gtrack does not know", hint="pip install -U gtrack"
        )
    return document


def _read(place: Place, key: str) -> Member:
    document = _document(place, key)
    name, remote, since = (document.get(part) for part in ("id", "remote", "since"))
    if not isinstance(name, str) or _note_of(name) != key or not isinstance(remote, str | None):
        raise DamageError(f"{clean(key)} of the store is none of gtrack's")
    return Member(name, remote, str(since))


def _document(place: Place, key: str) -> Mapping[str, object]:
    try:
        return yaml.load(place.read(key, 0, _LARGEST), name=f"{clean(key)} of the store")
    except ParseError as error:
        raise DamageError(error.message) from error
