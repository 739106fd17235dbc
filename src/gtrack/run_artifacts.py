"""Artifacts of a live run: files, folders, texts and bytes that a training keeps."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gtrack.format.artifact_path import canonical
from gtrack.format.media_type import media_type, sound_type
from gtrack.format.plain import encode_line, to_plain
from gtrack.spool.copying import Copied, NotPlainError
from gtrack.spool.folder import files_below
from gtrack.spool.journal import Refused

if TYPE_CHECKING:
    from gtrack.recording import Recording
    from gtrack.spool.artifacts import ArtifactWriter

__all__ = ["ArtifactLogging"]

_LARGE = 100_000_000
_MEDIA_BYTES = 8192
_ESSENTIAL = ("kind", "key", "step")
_NAMED = 3

Source = str | os.PathLike[str] | bytes


class ArtifactLogging:
    """The part of :class:`gtrack.Run` that keeps artifacts.

    Content is captured at once: what the script does to its file later changes nothing. No method raises because of
    the disk, a missing file or a bad argument: it warns once, and training goes on (``GTRACK_STRICT=1`` raises).
    """

    _recording: Recording

    def log_artifact(self, source: Source, artifact_path: str | None = None, *, name: str | None = None) -> str:
        """Keep a file, or a folder with all that is in it.

        Args:
            source: The file's path, a folder's, or content in bytes.
            artifact_path: The folder among the run's artifacts that it goes to; none by default.
            name: What it is called there; by default as it is here.

        Returns:
            The path it has among the run's artifacts; empty when it could not be kept.

        Example:
            >>> run.log_artifact("out/model.pkl", "models")
            'models/model.pkl'
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return self.log_bytes(bytes(source), _joined(artifact_path, name or "unnamed"))
        local = _local(source)
        if local is None:
            return self._refuse(canonical(name or source), f"a {type(source).__name__} is neither a path nor bytes")
        target = _joined(artifact_path, name or os.path.basename(os.path.abspath(local)))
        if os.path.isdir(local):
            return target if self._log_folder(local, target) else ""
        return self.log_file(local, target)

    def log_artifacts(self, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> list[str]:
        """Keep every file of a folder, those of its folders included.

        Links to files are followed, links to folders are not; what is no plain file is named and left out.

        Args:
            local_dir: The folder.
            artifact_path: The folder among the run's artifacts that its content goes to; none by default.

        Returns:
            The paths that the files have among the run's artifacts.
        """
        folder = _local(local_dir)
        if folder is None:
            self._refuse(canonical(local_dir), f"a {type(local_dir).__name__} is not a path")
            return []
        if not os.path.isdir(folder):
            self._refuse(canonical(folder), "it is no folder" if os.path.exists(folder) else "there is no such folder")
            return []
        return self._log_folder(folder, "" if artifact_path is None else canonical(artifact_path))

    def log_text(self, text: str, artifact_file: str) -> str:
        """Keep a text as a file in UTF-8.

        Args:
            text: The text.
            artifact_file: The path that it gets.

        Returns:
            The path it has; empty when it could not be kept.
        """
        return self.log_bytes(str(to_plain(text)).encode("utf-8", "backslashreplace"), artifact_file)

    def log_dict(self, dictionary: object, artifact_file: str) -> str:
        """Keep a map or a list as JSON, or as YAML where the path ends in ``.yaml`` or ``.yml``.

        Args:
            dictionary: Values of any type, nested as they are; what is no JSON-like value is kept as text.
            artifact_file: The path that it gets.

        Returns:
            The path it has; empty when it could not be kept.

        Example:
            >>> run.log_dict({"classes": ["cat", "dog"]}, "labels.json")
            'labels.json'
        """
        plain = to_plain(dictionary)
        if canonical(artifact_file).lower().endswith((".yaml", ".yml")):
            import yaml

            text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=False)
        else:
            text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
        return self.log_text(text, artifact_file)

    def log_bytes(
        self,
        data: bytes,
        path: str,
        *,
        type: str | None = None,  # noqa: A002  (what the format calls it)
        media: Mapping[str, object] | None = None,
    ) -> str:
        """Keep content as a file. All media are kept through this.

        Args:
            data: The content.
            path: The path that it gets.
            type: Its media type; by default that of the path's ending.
            media: Of media: ``kind``, ``key``, ``step`` and more, 8 KiB at most.

        Returns:
            The path it has; empty when it could not be kept.
        """
        name = canonical(path)
        if not isinstance(data, bytes | bytearray | memoryview):
            return self._refuse(name, f"its content is a {data.__class__.__name__}, not bytes")
        content, kind, said = bytes(data), _type(type, name), self._media(name, media)
        return self._capture(name, lambda to: to.add_bytes(content, name, kind, said))

    def log_file(
        self,
        source: str | os.PathLike[str],
        path: str,
        *,
        type: str | None = None,  # noqa: A002  (what the format calls it)
        media: Mapping[str, object] | None = None,
    ) -> str:
        """Keep a file as it is now, under a path of one's choice.

        Args:
            source: The file; links are followed.
            path: The path that it gets.
            type: Its media type; by default that of the path's ending.
            media: Of media: ``kind``, ``key``, ``step`` and more, 8 KiB at most.

        Returns:
            The path it has; empty when it could not be kept.
        """
        name, local = canonical(path), _local(source)
        if local is None:
            return self._refuse(name, f"a {source.__class__.__name__} is not a path")
        kind, said = _type(type, name), self._media(name, media)
        return self._capture(name, lambda to: to.add_file(local, name, kind, said), local)

    def remove_artifact(self, path: str) -> None:
        """Take an artifact of this run away; of content that is not recorded yet the space is given back at once."""
        name = canonical(path)
        writer = self._recording.open((name,))
        if writer is None:
            return
        try:
            writer.artifacts.remove(name)
        except OSError as error:
            self._fail(name, error)

    def _log_folder(self, folder: str, below: str) -> list[str]:
        kept: dict[str, str] = {}
        found = files_below(folder)
        for local, inner in found.files:
            # Two names may come to one safe path: neither may push out the other.
            name, number = _joined(below, inner), 2
            while name in kept:
                name, number = _joined(below, f"{inner}~{number}"), number + 1
            if self.log_file(local, name):
                kept[name] = local
        if found.left_out:
            named = ", ".join(found.left_out[:_NAMED])
            more = f" and {len(found.left_out) - _NAMED} more" if len(found.left_out) > _NAMED else ""
            self._refuse(f"a part of {canonical(folder)}", f"{named}{more}")
        return list(kept)

    def _capture(self, name: str, capture: Capture, source: str | None = None) -> str:
        writer = self._recording.open((name,))
        if writer is None:
            return ""
        try:
            copied = capture(writer.artifacts)
        except OSError as error:
            return self._fail(name, error, source)
        except ValueError as error:  # a path that no system has, such as one with a NUL
            return self._refuse(name, str(error))
        if not copied.settled:
            self._recording.notices.warn(f"{name} was being written to while it was kept: log it when it is complete")
        if copied.size > _LARGE:
            self._tell_of_store(name, copied.size)
        return name

    def _fail(self, name: str, error: OSError, source: str | None = None) -> str:
        """Warn of what could not be kept: of a file that cannot be read by its name, of a full disk once."""
        if source is None or self._recording.status is not None or error.filename != source:
            self._recording.on_trouble(name, error)
            return ""
        if isinstance(error, FileNotFoundError):
            return self._refuse(name, f"there is no file {source}")
        plain = not isinstance(error, NotPlainError | IsADirectoryError)
        return self._refuse(name, f"{source}: {error.strerror}" if plain else f"{source} is not a plain file")

    def _refuse(self, name: str, reason: str) -> str:
        self._recording.on_trouble(name, Refused(reason))
        return ""

    def _media(self, name: str, media: Mapping[str, object] | None) -> dict[str, object] | None:
        """Return what is said of media as plain values, and no more of it than a manifest should carry."""
        plain = to_plain(media) if media else None
        if not isinstance(plain, dict):
            return None
        if len(encode_line(plain)) <= _MEDIA_BYTES:
            return plain
        self._recording.notices.warn(f"what is said of {name} is over {_MEDIA_BYTES:,} bytes; only its key is kept")
        kept = {key: value[:200] if isinstance(value, str) else value for key, value in plain.items()}
        return {key: kept[key] for key in _ESSENTIAL if isinstance(kept.get(key), str | int)}

    def _tell_of_store(self, name: str, size: int) -> None:
        """Say once that a large artifact needs a store to travel."""
        from gtrack.ops.store_settings import usable_store

        repo = self._recording.repository()
        if repo is None or usable_store(repo) is None:
            self._recording.notices.warn(
                f"{name} has {size / 1e6:,.0f} MB: the branch does not hold it, a store does: gtrack store set s3://...",
                once="large artifact",
            )


if TYPE_CHECKING:
    from collections.abc import Callable

    Capture = Callable[[ArtifactWriter], Copied]


def _joined(folder: object, name: object) -> str:
    return canonical(f"{canonical(folder)}/{canonical(name)}") if folder else canonical(name)


def _local(source: object) -> str | None:
    """Return a path of this machine as text; None when it is none."""
    try:
        return os.fsdecode(source) if isinstance(source, str | os.PathLike) else None
    except Exception:  # a path object may raise anything
        return None


def _type(given: object, path: str) -> str:
    return str(given) if sound_type(given) else media_type(path)
