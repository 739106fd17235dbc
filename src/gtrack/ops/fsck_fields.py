"""Checking the fields of one document, and that its time has come."""

from __future__ import annotations

from collections.abc import Container

from gtrack.clock import now_ns, stamp
from gtrack.format.schema import check_document
from gtrack.model.fold import Document
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.present import DAY_US

__all__ = ["check_fields"]


def check_fields(path: str, kind: str, doc: Document, events: Container[object], found: Findings) -> bool:
    """Check the fields of a document; return whether all are sound.

    Args:
        path: The file on the branch.
        kind: What :func:`gtrack.format.schema.check_document` calls it.
        doc: The document.
        events: The kinds of event that have an effect.
        found: Takes what is wrong.
    """
    if doc.stamp > stamp(now_ns() // 1000 + DAY_US):
        found.warning(path, "its stamp is in the future: it has no effect until then")
    problems = check_document(kind, doc.body)
    for problem in problems:
        found.error(path, problem)
    if doc.kind == "event" and not problems and doc.body["kind"] not in events:
        found.warning(path, f"this gtrack knows no event {str(doc.body['kind'])!r:.60}; it has no effect")
    return not problems
