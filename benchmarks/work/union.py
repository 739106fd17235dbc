"""The union of two clones that recorded runs apart, on a common base. Prints processor and wall seconds of each way.

The branches are made by git fast-import, with documents that have digests in their names and stand-ins for curves.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter

from gtrack.branch.commit import README, format_file
from gtrack.branch.repository import Repository
from gtrack.branch.union import added, adds_nothing, union
from gtrack.format import names

STAMP = "20261121T142530.123456Z"


def run_files(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield the four to six files of one run."""
    run_id = chance.randbytes(16).hex()
    folder, session, writer = names.run_dir(run_id), chance.randbytes(4).hex(), chance.randbytes(4).hex()
    params = "".join(f'  "param_{n}": {chance.random()!r}\n' for n in range(20))
    yield f"{folder}/run.yaml", f'format: 1\nid: "{run_id}"\nparams:\n{params}'.encode()
    end = f'format: 1\nsession: "{session}"\nstatus: "finished"\nmetrics:\n{params}'.encode()
    yield f"{folder}/{names.end(STAMP, end)}", end
    yield f"{folder}/{names.segment('metrics', names.Segment(session, writer, 0, 110))}", chance.randbytes(1000)
    yield f"{folder}/{names.console(session, writer)}", chance.randbytes(200)
    for number in range(chance.randrange(3)):
        event = f'format: 1\nkind: "note"\ntext: "{run_id} {number}"\n'.encode()
        yield f"{folder}/{names.event(STAMP, event)}", event


def fast_import(branch: str, base: str | None, files: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the commands that put files on a branch; https://git-scm.com/docs/git-fast-import."""
    yield f"commit refs/heads/{branch}\ncommitter Ada L <ada@example.org> 0 +0000\ndata 0\n".encode()
    yield f"from refs/heads/{base}\n".encode() if base else b""
    for path, data in files:
        yield b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(data), data)


def measure(way: str, call) -> object:
    """Run a call, note its processor time, that of its processes included, and its wall time."""
    began, cpu = perf_counter(), used()
    result = call()
    out[way] = {"cpu": round(used() - cpu, 3), "wall": round(perf_counter() - began, 3)}
    return result


def used() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(times.ru_utime + times.ru_stime for times in both)


options = json.loads(sys.argv[1])
chance = random.Random(options.get("seed", 0))
first = [("FORMAT", format_file()), ("README.md", README.encode())]
stream: list[bytes] = []
for branch, base, count in (
    ("base", None, options["base"]),
    ("one", "base", options["one"]),
    ("two", "base", options["two"]),
):
    files = (item for _ in range(count) for item in run_files(chance))
    stream += fast_import(branch, base, iter([*([] if base else first), *files]))
subprocess.run(["git", "fast-import", "--quiet"], input=b"".join(stream), check=True)

out: dict[str, object] = {}
with Repository(".", os.environ) as repo:
    base_tree, one, two = (repo.tree_of(repo.refs.read(f"refs/heads/{name}")) for name in ("base", "one", "two"))
    assert base_tree and one and two
    repo.objects.tree(base_tree)  # dulwich is imported by now, as it is when a push begins
    push = measure("push: two on a published one", lambda: union(repo, [two], published=one))
    both = measure("both on a published base", lambda: union(repo, [one, two], published=base_tree))
    assert push.tree == both.tree and not push.dropped_count
    assert len(measure("runs added", lambda: added(repo, two, one).runs)) == options["two"]
    assert measure("adds nothing", lambda: adds_nothing(repo, two, push.tree))
    if options.get("pure"):
        pure = measure("every file checked", lambda: union(repo, [one, two]))
        assert pure.tree == push.tree
print(json.dumps(out))
