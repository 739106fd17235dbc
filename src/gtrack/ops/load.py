"""A run's files as they are on the branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gtrack.branch.bulk import FileEntry, overlay
from gtrack.branch.objects import BLOB_MODE, TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.clock import stamp_to_us
from gtrack.errors import ParseError
from gtrack.format import yaml
from gtrack.format.names import RunFile, Segment, parse_run_file, run_dir
from gtrack.ids import is_run_id, sha12
from gtrack.model.fold import Document

__all__ = ["RunFiles", "documents_of", "is_document", "load_run_files", "run_ids_in"]

_DOCUMENTS = frozenset({"run", "end", "summary", "event"})


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What the branch has of one run.

    Attributes:
        id: The run's id.
        files: Object id by what the file is.
        documents: The parsed YAML files that count.
        problems: What was passed over, and why.
        read: Returns the content of one of the files by its object id, where that can be had.
    """

    id: str
    files: Mapping[RunFile, str] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    problems: tuple[str, ...] = ()
    read: Callable[[str], bytes] | None = field(default=None, compare=False)

    def of_kind(self, kind: str) -> list[tuple[RunFile, str]]:
        """Return the files of a kind with their object ids, by name."""
        return sorted(((f, oid) for f, oid in self.files.items() if f.kind == kind), key=lambda item: item[0].name)

    @property
    def parsed(self) -> dict[tuple[str, str], Document]:
        """The documents by name and object id."""
        oids = {file.name: oid for file, oid in self.files.items()}
        return {(doc.name, oids[doc.name]): doc for doc in self.documents}

    def sealed(self, session: str, writer: str) -> int:
        """Return how many of a writer's journal records are here: the number of the next one to seal."""
        found = [f.segment for f in self.files if f.segment is not None and f.kind in ("metrics", "summary")]
        for doc in self.documents:
            listed = doc.body.get("segments")
            parsed = [Segment.parse(str(text)) for text in (listed if isinstance(listed, list) else [])]
            found += [segment for segment in parsed if segment is not None]
        return max((s.end for s in found if s and (s.session, s.writer) == (session, writer)), default=0)


def load_run_files(
    repo: Repository, trees: Iterable[str | None], run_id: str, known: RunFiles | None = None
) -> RunFiles:
    """Load a run's files from trees of the branch.

    Args:
        repo: The repository.
        trees: Root trees of the branch, the tracking remote's last: what is published stands.
        run_id: The run.
        known: What was loaded of it before: a document that is still there is not read again.
    """
    folders = [repo.objects.find(tree, run_dir(run_id)) for tree in trees]
    found = [list(_members(repo, entry[1])) for entry in folders if entry is not None and entry[0] == TREE_MODE]
    entries = overlay(found[-1], *found[:-1]) if found else {}
    parsed = {} if known is None else known.parsed
    wanted = [e[2] for e in entries.values() if (e[0], e[2]) not in parsed and is_document(e[0], e[1])]
    repo.bring(wanted)
    blobs = {oid: repo.read_blob(oid) for oid in wanted}
    return replace(documents_of(run_id, entries.values(), blobs, parsed), read=repo.read_blob)


def run_ids_in(repo: Repository, tree: str) -> Iterator[str]:
    """Yield the ids of the runs that a tree of the branch has."""
    runs = repo.objects.find(tree, "runs")
    if runs is None or runs[0] != TREE_MODE:
        return
    for shard, (mode, oid) in repo.objects.tree(runs[1]).items():
        if mode != TREE_MODE:
            continue
        for raw, (kind, _) in repo.objects.tree(oid).items():
            name = raw.decode("ascii", "replace")
            if kind == TREE_MODE and is_run_id(name) and name[:2].encode() == shard:
                yield name


def _members(repo: Repository, folder: str) -> Iterator[FileEntry]:
    """Yield the files of a run's folder. What lies deeper than the format goes is named, and not looked into."""
    for raw, (mode, oid) in repo.objects.tree(folder).items():
        name = raw.decode("utf-8", "surrogateescape")
        if mode != TREE_MODE:
            yield name, mode, oid
            continue
        for inner, (kind, inside) in repo.objects.tree(oid).items():
            yield f"{name}/{inner.decode('utf-8', 'surrogateescape')}", kind, inside


def documents_of(
    run_id: str,
    entries: Iterable[tuple[str, int, str]],
    blobs: Mapping[str, bytes],
    parsed: Mapping[tuple[str, str], Document] = MappingProxyType({}),
) -> RunFiles:
    """Make sense of a run's folder.

    Members that cannot be trusted are passed over and named: links and other modes, names that are not known, content
    that does not match the digest in its name, documents outside the accepted subset.

    Args:
        run_id: The run.
        entries: (path below the folder, mode, object id) of every file.
        blobs: The content of the YAML files, by object id.
        parsed: Documents that count, by name and object id: those of :attr:`RunFiles.parsed`.
    """
    files: dict[RunFile, str] = {}
    documents: list[Document] = []
    problems: list[str] = []
    for name, mode, oid in entries:
        file = parse_run_file(name)
        if file is None or mode != BLOB_MODE:
            problems.append(f"{name}: not a file of this format")
            continue
        if file.stamp is not None and not _is_moment(file.stamp):
            problems.append(f"{name}: the stamp in its name is not a time")
            continue
        present = parsed.get((name, oid))
        if present is not None:
            documents.append(present)
        elif file.kind in _DOCUMENTS:
            data = blobs[oid]
            if file.digest is not None and file.digest != sha12(data):
                problems.append(f"{name}: content does not match the digest in its name")
                continue
            try:
                body = yaml.load(data)
            except ParseError as error:
                problems.append(f"{name}: {error.message}")
                continue
            if file.kind == "run" and body.get("id") != run_id:
                problems.append(f"{name}: names another run")
                continue
            documents.append(Document(file.kind, name, body, file.stamp or "", file.session))
        files[file] = oid
    return RunFiles(run_id, files, tuple(documents), tuple(problems))


def _is_moment(text: str) -> bool:
    try:
        stamp_to_us(text)
    except (ValueError, OverflowError):
        return False
    return True


def is_document(name: str, mode: int) -> bool:
    """Tell whether a file of a run's folder is a YAML file that takes part in folds."""
    file = parse_run_file(name)
    return file is not None and mode == BLOB_MODE and file.kind in _DOCUMENTS
