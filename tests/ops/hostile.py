"""Trees and commits as anybody can push them: written object by object, so that git refuses none of it."""

from __future__ import annotations

from gtrack.branch.objects import BLOB, COMMIT, TREE_MODE
from gtrack.clock import stamp
from gtrack.format import names, yaml

PLAIN, LINK, EXECUTABLE, SUBMODULE = 0o100644, 0o120000, 0o100755, 0o160000


def files_of(repository, commit):
    """Return {path: (mode, id)} of a commit's files."""
    return {path: (mode, oid) for path, mode, oid in repository.objects.walk(repository.tree_of(commit))}


def blobs(repository, files, mode=PLAIN):
    """Write files, {path: content}, and return {path: (mode, id)}."""
    return {path: (mode, repository.objects.write(BLOB, data)) for path, data in files.items()}


def write_tree(repository, files):
    nested, entries = {}, {}
    for path, found in files.items():
        name, _, rest = path.partition("/")
        if rest:
            nested.setdefault(name, {})[rest] = found
        else:
            entries[name.encode("utf-8", "surrogateescape")] = found
    for name, inside in nested.items():
        entries[name.encode("utf-8", "surrogateescape")] = (TREE_MODE, write_tree(repository, inside))
    return repository.objects.write_tree(entries)


def commit_tree(repository, tree, *parents, subject="by hand"):
    who = "Mallory <mallory@example.org> 1795000000 +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return repository.objects.write(COMMIT, ("\n".join([*lines, "", subject]) + "\n").encode())


def commit(repository, files, *parents):
    """Commit files, {path: (mode, id)}."""
    return commit_tree(repository, write_tree(repository, files), *parents)


def event(folder, body, at):
    """Return a sound event file, {path: content}."""
    data = yaml.dump({"format": 1, **body})
    return {f"{folder}/{names.event(stamp(at), data)}": data}
