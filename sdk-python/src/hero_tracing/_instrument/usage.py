"""Token usage of replies in the shapes of OpenAI and Anthropic, whole or streamed.

Rules:
 1. Of a stream the last count of each kind holds: both vendors send counts that include the earlier ones.
 2. Only fields are read, never properties: reading a reply must not cause a request.
 3. `input_tokens` is the whole prompt. OpenAI counts cached tokens in it, Anthropic beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_HOLDERS = ("message", "response", "chunk")  # of stream events: what holds usage and model
_MOST_BODY = 1 << 20


def field(value: Any, name: str) -> Any:
    """A field of a reply, which is a mapping or an object (rule 2); None where there is none."""
    if isinstance(value, Mapping):
        return value.get(name)
    fields = getattr(value, "__dict__", None)
    if isinstance(fields, dict) and name in fields:
        return fields[name]
    extra = getattr(value, "__pydantic_extra__", None)
    if isinstance(extra, dict):
        return extra.get(name)
    return getattr(value, name, None) if name in getattr(type(value), "_fields", ()) else None


class Usage:
    """What the parts of one reply say about tokens."""

    def __init__(self) -> None:
        self.model: str | None = None
        self._raw: dict[str, Any] = {}

    def see(self, reply: Any) -> None:
        """Takes what this reply, or this chunk of a stream, says."""
        self._take(reply)
        for holder in _HOLDERS:
            inner = field(reply, holder)
            if inner is not None:
                self._take(inner)

    def _take(self, reply: Any) -> None:
        model = field(reply, "model")
        if isinstance(model, str):
            self.model = model
        usage = field(reply, "usage")
        if usage is None:
            return
        for name in _COUNTS:
            count = field(usage, name)
            if _is_count(count):
                self._raw[name] = count
        for group, name in _DETAILS:
            count = field(field(usage, group), name)
            if _is_count(count):
                self._raw[f"{group}.{name}"] = count

    def tokens(self) -> dict[str, int]:
        """The counts (rule 3), without those that are 0; empty where the reply has no usage.

        >>> usage = Usage()
        >>> usage.see({"usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 5}})
        >>> usage.tokens()
        {'input_tokens': 100, 'output_tokens': 5, 'cached_tokens': 90}
        """
        raw = self._raw
        given = raw.get("prompt_tokens", raw.get("input_tokens"))
        output = raw.get("completion_tokens", raw.get("output_tokens"))
        if given is None and output is None:
            return {}
        beside = raw.get("cache_read_input_tokens", 0)
        written = raw.get("cache_creation_input_tokens", 0)
        within = raw.get("prompt_tokens_details.cached_tokens", raw.get("input_tokens_details.cached_tokens", 0))
        counts = {
            "input_tokens": (given or 0) + beside + written,
            "output_tokens": output or 0,
        }
        rarely = {
            "cached_tokens": beside + within,
            "cache_write_tokens": written,
            "cache_write_1h_tokens": raw.get("cache_creation.ephemeral_1h_input_tokens", 0),
            "reasoning_tokens": raw.get(
                "completion_tokens_details.reasoning_tokens", raw.get("output_tokens_details.reasoning_tokens", 0)
            ),
        }
        return {**counts, **{name: count for name, count in rarely.items() if count}}


_COUNTS = (
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
)  # fmt: skip
_DETAILS = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("cache_creation", "ephemeral_1h_input_tokens"),
)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def http_response(value: Any) -> Any:
    """The HTTP response that a result is, or holds (`with_raw_response` of the vendors' clients); None where it is none."""
    held = field(value, "http_response")
    found = value if held is None else held
    return found if status_of(found) is not None and field(found, "headers") is not None else None


def status_of(value: Any) -> int | None:
    """The HTTP status of a response, or of an error of a client."""
    status = field(value, "status_code")
    return status if _is_count(status) else None


def body_of(response: Any) -> bytes | None:
    """What a response has read already; None where reading would cause I/O (rule 2)."""
    content = field(response, "_content")
    return content if isinstance(content, bytes) else None


def json_of(response: Any) -> Any:
    """The JSON of a response's body, for its usage; None where it is none, or large."""
    body = body_of(response)
    if body is None or len(body) > _MOST_BODY or body[:1] != b"{":
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None
