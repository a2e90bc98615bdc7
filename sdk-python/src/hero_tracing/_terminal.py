"""The terminal of a flow that runs outside the runtime: its tree, and the answers to its questions."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

MARKS = {"success": "✓", "failed": "✗", "paused": "…", "cancelled": "○", "running": "▸", "replayed": "↺"}
MOST_CHILDREN = 50
MOST_LINES = 1000


def print_tree(lines: list[str], to: TextIO) -> None:
    """Prints spans as a tree, with durations, tags and errors.

    >>> start = '{"type":"span_started","span_id":"a","parent_id":null,"name":"main","tags":{}}'
    >>> print_tree([start, '{"type":"span_ended","span_id":"a","status":"success","duration_ms":2.4}'], sys.stdout)
    ✓ main  2 ms
    """
    spans: dict[str, dict[str, Any]] = {}
    children: dict[str | None, list[str]] = {}
    for line in lines:
        event = json.loads(line)
        id = event.get("span_id")
        if event["type"] == "span_started" and id not in spans:
            spans[id] = {**event, "status": "running", "logs": []}
            children.setdefault(event["parent_id"], []).append(id)
        elif id in spans:
            _add(spans[id], event)
    printed: list[str] = []
    for root in children.get(None, ()):
        _render(root, 0, spans, children, printed)
    if len(printed) > MOST_LINES:
        printed[MOST_LINES:] = [f"… {len(printed) - MOST_LINES} more lines"]
    text = "\n".join(printed) + "\n"
    to.write(text.encode(to.encoding or "utf-8", "replace").decode(to.encoding or "utf-8"))
    to.flush()


def answer_on_terminal(questions: list[dict[str, Any]], at_rest: bool) -> dict[str, tuple[str, str]]:
    """Asks each question once nothing else goes on, and gives the answers by place. An answer is JSON, or else text."""
    answers = {}
    for question in questions if at_rest else ():
        payload = _ask(question)
        if payload is not None:
            answers[question["place"]] = "answer", payload
    return answers


def _ask(question: dict[str, Any]) -> str | None:
    ui = question["ui"] or {}
    schema = question["schema"] or {}
    options = ui.get("options") or schema.get("enum") or []
    print(ui.get("label") or question["name"], file=sys.stderr)
    for number, option in enumerate(options, 1):
        print(f"  {number}. {_label(option)}", file=sys.stderr)
    while True:
        print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            default: str | None = question["default"]
            return default
        try:
            return json.dumps(_read(line.rstrip("\r\n"), ui.get("kind"), schema, options))
        except ValueError as problem:
            print(f"  {problem}", file=sys.stderr)


def _read(line: str, kind: str | None, schema: dict[str, Any], options: list[Any]) -> Any:
    if kind == "confirm":
        words = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}
        if line.strip().lower() not in words:
            raise ValueError("answer yes or no")
        return words[line.strip().lower()]
    if kind == "choice":
        return _option(line, options)
    if kind == "multi_choice":
        return [_option(part, options) for part in line.split(",") if part.strip()]
    if kind == "text" or schema.get("type") == "string":
        if len(line) < schema.get("minLength", 0):
            raise ValueError("an answer is needed")
        return line
    try:
        value = json.loads(line)
    except ValueError:
        value = line
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise ValueError("answer with a number")
    return value


def _option(text: str, options: list[Any]) -> Any:
    text = text.strip()
    values = [_value(option) for option in options]
    for option, value in zip(options, values):
        if text in (str(value), _label(option)):
            return value
    if text.isdigit() and 1 <= int(text) <= len(values):
        return values[int(text) - 1]
    raise ValueError(f"answer with a number from 1 to {len(values)}")


def _value(option: Any) -> Any:
    return option["value"] if isinstance(option, dict) and "value" in option else option


def _label(option: Any) -> str:
    return str(option["label"]) if isinstance(option, dict) and "label" in option else str(_value(option))


def _add(span: dict[str, Any], event: dict[str, Any]) -> None:
    if event["type"] == "span_ended":
        span.update(event)
    elif event["type"] == "span_tagged":
        span["tags"].update(event["tags"])
    elif event["type"] == "log":
        span["logs"].append(event["text"])


def _render(
    id: str, depth: int, spans: dict[str, Any], children: dict[str | None, list[str]], printed: list[str]
) -> None:
    span = spans[id]
    parts = [f"{'  ' * depth}{MARKS.get(span['status'], '?')} {span['name']}"]
    if span.get("duration_ms") is not None:
        parts.append(f"{span['duration_ms']:.0f} ms")
    if span["tags"] and depth:
        parts.append(" ".join(f"{key}={_short(value)}" for key, value in span["tags"].items()))
    if span.get("error"):
        parts.append(f"{span['error']['type']}: {_short(span['error']['message'])}")
    printed.append("  ".join(parts))
    printed += [f"{'  ' * depth}  │ {_short(text)}" for text in span["logs"]]
    below = children.get(id, [])
    if depth < 200:
        for child in below[:MOST_CHILDREN]:
            _render(child, depth + 1, spans, children, printed)
    if len(below) > MOST_CHILDREN:
        printed.append(f"{'  ' * depth}  … {len(below) - MOST_CHILDREN} more")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"
