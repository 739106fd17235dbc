"""A process that sends or fetches objects, and may kill itself in the midst: see :func:`main`.

python carrier.py send|fetch CACHE URL OPTIONS MEMORY DIES_AFTER_BYTES DIGEST_LIST
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from gtrack.store.cache import Cache
from gtrack.store.opening import open_place
from gtrack.store.transfer import fetch_object, send_object
from gtrack.store.url import parse_location
from gtrack.store.workers import in_parallel


def carry(
    what: str, cache: Cache, place: object, wanted: dict[str, int], dies_after: int | None = None
) -> dict[str, str]:
    """Send or fetch objects, and return what was wrong with which."""
    stop = threading.Event()
    moved = 0
    lock = threading.Lock()

    def told(count: int) -> None:
        nonlocal moved
        with lock:
            moved += count
            if dies_after is not None and moved >= dies_after:
                os.kill(os.getpid(), signal.SIGKILL)

    def work(item: tuple[str, int]) -> object:
        return (send_object if what == "send" else fetch_object)(place, cache, *item, stop, told)

    done = in_parallel(list(wanted.items()), work, stop)
    return {item[0]: repr(came) for item, came in done if isinstance(came, Exception)}


def main() -> None:
    """Do what the command line says."""
    what, root, url, options, memory, dies_after, wanted = sys.argv[1:]
    place = open_place(parse_location(url, json.loads(options)), mark="0" * 16, memory=memory)
    place.prepare()
    wrong = carry(what, Cache(root), place, json.loads(Path(wanted).read_text()), int(dies_after) or None)
    place.close()
    sys.exit(f"{wrong}" if wrong else 0)


if __name__ == "__main__":
    main()
