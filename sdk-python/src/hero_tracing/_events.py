"""The lines of the telemetry lane (libs/contracts/src/spans.ts, EmittedEvent), written without building dicts first."""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache
from json.encoder import encode_basestring as quoted

from ._sanitise import DEEPEST, clean, clean_text
from ._stack import with_stack

OUTPUT_LIMIT = 256 * 1024
TEXT_LIMIT = 64 * 1024
NAME_LIMIT = 200
SHORT = 1024  # characters

_second = (0, "")
_moment = (0, "")


def now() -> str:
    """The time in the format of the protocol: ISO 8601 UTC with milliseconds.

    >>> len(now()), now()[-1]
    (24, 'Z')
    """
    global _second, _moment
    at = int(time.time() * 1000)
    moment, text = _moment
    if at == moment:  # a replay asks a hundred times in a millisecond
        return text
    whole, milliseconds = divmod(at, 1000)
    second, text = _second
    if whole != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = (whole, text)
    text = f"{text}.{milliseconds:03d}Z"
    _moment = (at, text)
    return text


@lru_cache
def _shown_name(name: str) -> str:
    return quoted(clean_text(name[:NAME_LIMIT]))


_quoted = lru_cache(quoted)


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """Cuts a text for display and says how much was cut.

    >>> cut("abcdef", 4)
    'abcd… (2 more characters)'
    """
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def span_started(
    span_id: str, parent_id: str | None, name: str, kind: str, place: str, tags: str, file: str | None, line: int | None
) -> str:
    parent = f'"{parent_id}"' if parent_id else "null"
    where = f'{_quoted(file) if file else "null"},"source_line":{line or "null"}'
    return (
        f'{{"type":"span_started","at":"{now()}","span_id":"{span_id}","parent_id":{parent},'
        f'"name":{_shown_name(name)},"kind":"{kind}","place":"{place}","tags":{tags},'
        f'"source_file":{where}}}\n'
    )


def span_replayed(span_id: str, output: str | None = None, error: dict[str, str] | None = None) -> str:
    more = "" if output is None else _shown_output(output)
    if error is not None:
        more += f',"error":{_shown_error(error)}'
    return (
        f'{{"type":"span_ended","at":"{now()}","span_id":"{span_id}","status":"replayed","duration_ms":null{more}}}\n'
    )


def span_ended(
    at: str,
    span_id: str,
    status: str,
    duration_ms: float | None,
    *,
    key: str | None = None,
    output: str | None = None,
    error: dict[str, str] | None = None,
    cost_usd: float = 0,
    usage: str | None = None,
    child_play_sid: str | None = None,
) -> str:
    parts = [
        f'{{"type":"span_ended","at":"{at}","span_id":"{span_id}","status":"{status}",'
        f'"duration_ms":{"null" if duration_ms is None else round(duration_ms, 3)}'
    ]
    if key:
        parts.append(f',"step_key":"{key}"')
    parts.append(_shown_output(output))
    if error is not None:
        parts.append(f',"error":{_shown_error(error)}')
    if cost_usd:
        parts.append(f',"cost_usd":{cost_usd!r}')
    if child_play_sid:
        parts.append(f',"child_play_sid":{quoted(child_play_sid)}')
    if usage:
        parts.append(f',"usage":{usage}')
    parts.append("}\n")
    return "".join(parts)


def span_tagged(span_id: str, tags: str) -> str:
    return f'{{"type":"span_tagged","at":"{now()}","span_id":"{span_id}","tags":{tags}}}\n'


def log(span_id: str | None, text: str, stream: str = "log", cut_text: bool = True) -> str:
    where = f'"{span_id}"' if span_id else "null"
    shown = quoted(clean_text(cut(text) if cut_text else text))
    return f'{{"type":"log","at":"{now()}","span_id":{where},"text":{shown},"stream":"{stream}"}}\n'


def dropped(count: int, reason: str = "overload") -> str:
    return f'{{"type":"dropped","at":"{now()}","count":{count},"reason":"{reason}"}}\n'


def _shown_error(error: dict[str, str]) -> str:
    shown = {name: cut(clean_text(text), TEXT_LIMIT // 4) for name, text in error.items()}
    return json.dumps(shown, ensure_ascii=False)


def _shown_output(output: str | None) -> str:
    """The output if it is small, else a flag: viewers read large outputs from the outcomes."""
    if output is None:
        return ""
    if len(output) < SHORT and "\\u0000" not in output and output.count("[") + output.count("{") <= DEEPEST:
        return f',"output":{output}'
    text = with_stack(lambda: _event_json(output)) if len(output) <= OUTPUT_LIMIT else ""
    return f',"output":{text}' if text and len(text.encode()) <= OUTPUT_LIMIT else ',"output_omitted":true'


def _event_json(text: str) -> str:
    """Events are shown, not replayed: U+FFFD stands for NUL, and `…` for what is nested deeper than 64 levels."""
    if "\\u0000" not in text and not _deeper(text, DEEPEST):
        return text
    return json.dumps(clean(json.loads(text)), ensure_ascii=False, separators=(",", ":"))


_NO_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^][{}"]+')


def _deeper(text: str, levels: int) -> bool:
    """Whether the JSON text is nested deeper, without building its value."""
    if text.count("[") + text.count("{") <= levels:
        return False
    brackets = _NO_BRACKETS.sub("", text)
    for _ in range(levels):
        brackets = brackets.replace("[]", "").replace("{}", "")
        if not brackets:
            return False
    return True
