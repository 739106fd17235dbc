"""A version's model card: Markdown in which no text from the branch means more than itself."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from gtrack.clock import iso
from gtrack.ids import SHORT
from gtrack.model.nested import flatten
from gtrack.model.registered import Version
from gtrack.model.state import RunState
from gtrack.text import clean

__all__ = ["card_text"]

T = TypeVar("T")

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#!:@])")
_MOST = 100
_LONGEST = 500
_MOST_TEXT = 5000
_LIBRARIES = {
    "sklearn": "sklearn",
    "transformers": "transformers",
    "keras": "keras",
    "tensorflow": "keras",
    "pytorch": "pytorch",
    "onnx": "onnx",
}
"""What Hugging Face's hub calls libraries, by MLflow's names of flavors."""


def card_text(version: Version, run: RunState | None, verified: str | None) -> str:
    """Return the card; see :func:`gtrack.ops.provenance.model_card`."""
    lines = ["---", *_front_matter(version, run), "---", "", f"# {_text(version.model)} {_text(version.label)}", ""]
    if version.description:
        lines += [_paragraphs(version.description), ""]
    lines += _table("Model", _facts(version))
    if run is not None:
        lines += _table("Metrics", [(key, _number(summary.last)) for key, summary in _first(run.metrics)])
    lines += _table("Measured later", [(key, _number(value)) for key, value in _first(version.metrics)])
    if run is not None:
        lines += _table("Training", _training(run))
        lines += _table("Params", [(key, _value(value)) for key, value in list(flatten(run.params))[:_MOST]])
        lines += _table("Data", list(_data(run.data)))
    lines += _table("Signature", [(key, _value(value)) for key, value in (version.signature or {}).items()])
    lines += _table("Files", [(file.path, f"{file.size:,} bytes, SHA-256 {file.sha256}") for file in version.files])
    lines += _table("Approvals", [(each.author, f"{each.verdict} for {each.stage}") for each in version.approvals])
    if verified is not None:
        lines += ["## Proof", "", _text(verified), ""]
    return "\n".join(lines)


def _front_matter(version: Version, run: RunState | None) -> Iterator[str]:
    """Yield the metadata. JSON's strings and numbers are YAML's too: nothing in them can begin another key.

    See https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    library = next((_LIBRARIES[flavor] for flavor in version.flavors if flavor in _LIBRARIES), None)
    if library is not None:
        yield f"library_name: {_quoted(library)}"
    yield "tags:"
    for tag in dict.fromkeys(["gtrack", *version.flavors]):
        yield f"  - {_quoted(tag)}"
    metrics = [(key, s.last) for key, s in _first(run.metrics) if math.isfinite(s.last)] if run is not None else []
    if not metrics:
        return
    named = (str(entry.get("name")) for entry in run.data if isinstance(entry, Mapping)) if run is not None else ()
    data = next(iter(named), "unknown")
    yield "model-index:"
    yield f"  - name: {_quoted(version.model)}"
    yield "    results:"
    yield "      - task:"
    yield '          type: "other"'
    yield "        dataset:"
    yield f"          name: {_quoted(data)}"
    yield f"          type: {_quoted(data)}"
    yield "        metrics:"
    for key, value in metrics:
        yield f"          - type: {_quoted(key)}"
        yield f"            value: {json.dumps(value)}"


def _facts(version: Version) -> list[tuple[str, str]]:
    facts = [
        ("version", version.name),
        ("uid", version.uid),
        ("stage", version.stage),
        ("aliases", ", ".join(version.aliases)),
        ("registered", f"{iso(version.registered) if version.registered is not None else ''} by {version.author}"),
        ("flavors", ", ".join(version.flavors)),
        ("gate", _value(version.gate) if version.gate else ""),
        ("digest", f"SHA-256 {version.digest}"),
    ]
    return [(name, value) for name, value in facts if value]


def _training(run: RunState) -> list[tuple[str, str]]:
    code, environment = run.code, run.environment
    facts = [
        ("run", f"{run.id[:SHORT]} {run.name}"),
        ("experiment", run.experiment),
        ("by", run.author),
        ("started", iso(run.started) if run.started is not None else ""),
        ("commit", str(code.get("commit") or "")),
        ("snapshot", str(code.get("snapshot") or "")),
        ("command", _value(code.get("command")) if code.get("command") else ""),
        *((name, _value(environment[name])) for name in ("python", "platform", "gpu") if environment.get(name)),
        ("seed", _value(dict(run.seed)) if run.seed else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _data(data: Sequence[object]) -> Iterator[tuple[str, str]]:
    for number, entry in enumerate(data[:_MOST]):
        if not isinstance(entry, Mapping):
            yield str(number), _value(entry)
            continue
        parts = [entry.get("role"), entry.get("kind"), f"SHA-256 {entry['digest']}" if entry.get("digest") else None]
        yield str(entry.get("name", number)), ", ".join(str(part) for part in parts if part)


def _table(title: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    body = [f"| {_text(name)} | {_text(value)} |" for name, value in rows[:_MOST]]
    return [f"## {title}", "", "| | |", "| --- | --- |", *body, ""]


def _first(values: Mapping[str, T]) -> list[tuple[str, T]]:
    return list(values.items())[:_MOST]


def _number(value: float) -> str:
    return f"{value:.6g}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _quoted(text: str) -> str:
    return json.dumps(clean(text)[:_LONGEST], ensure_ascii=False)


def _text(text: str) -> str:
    """Return text for one line, as text: no markup of Markdown's or HTML's, no address that becomes a link."""
    safe = clean(text[:_LONGEST]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", safe)


def _paragraphs(text: str) -> str:
    lines = clean(text[:_MOST_TEXT], lines=True).splitlines()
    return "\n".join(_text(line.strip()) for line in lines)
