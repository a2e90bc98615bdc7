"""The tree of a run, for assertions and snapshots."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .._terminal import MARKS


class Spans:
    """Spans, read from the events of one run."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._by_id: dict[str, dict[str, Any]] = {}
        for line in lines:
            event = json.loads(line)
            id = event.get("span_id")
            if event["type"] == "span_started":
                self._by_id.setdefault(id, _span(event))
            elif id in self._by_id:
                _add(self._by_id[id], event)

    def all(self) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in span.items() if name not in ("id", "parent")}
            for span in self._by_id.values()
        ]

    def text(self) -> str:
        """One line for each span. The items of a map are sorted by their text: they run side by side, in no order."""
        children: dict[str | None, list[dict[str, Any]]] = {}
        for span in self._by_id.values():
            parent = span["parent"] if span["parent"] in self._by_id else None
            children.setdefault(parent, []).append(span)
        return "\n".join(block for root in children.get(None, ()) for block in _block(root, children))


def _block(span: dict[str, Any], children: dict[str | None, list[dict[str, Any]]]) -> list[str]:
    error = span["error"]
    line = f"{MARKS.get(span['status'], '?')} {span['name']}"
    if error is not None:
        kind = error["type"].rpartition("<locals>.")[2]
        line += f"  {kind}: {error['message']}".rstrip(": ")
    below = [_block(child, children) for child in children.get(span["id"], ())]
    if span["name"].startswith("map:"):
        below.sort()
    logs = [f"  │ {text}" for text in span["logs"]]
    return [line, *logs, *(f"  {inner}" for block in below for inner in block)]


def _span(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": event["span_id"], "parent": event["parent_id"], "name": event["name"], "kind": event["kind"], "status": "running",
        "tags": dict(event["tags"]), "logs": [], "output": None, "error": None, "cost_usd": 0.0, "usage": None,
    }  # fmt: skip


def _add(span: dict[str, Any], event: dict[str, Any]) -> None:
    if event["type"] == "span_tagged":
        span["tags"].update(event["tags"])
    elif event["type"] == "log":
        span["logs"].append(event["text"])
    elif event["type"] == "span_ended":
        span["status"] = event["status"]
        for name in ("output", "error", "cost_usd", "usage"):
            if event.get(name) is not None:
                span[name] = event[name]
