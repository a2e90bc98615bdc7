"""The last frame of an attempt that ends its play."""

from __future__ import annotations

import json
from json.encoder import encode_basestring as quoted
from typing import NoReturn

from . import _events, _identity
from ._error_json import arose_in, describe, spans_of
from ._exit import leave
from ._session import Reply, Session


def send_end(session: Session, status: str, output: str | None, error: BaseException | None) -> Reply:
    """Ends the play after everything before is committed. The reply may refuse the output."""
    session.commits.drain()
    if error is None:
        return _send(session, status, output, "null", [])
    told = {name: _events.cut(text) for name, text in describe(error).items()}
    span_id = arose_in(error) or session.span_id(_identity.ROOT_PLACE)
    shown = json.dumps({**told, "span_id": span_id}, ensure_ascii=False)
    return _send(session, status, output, shown, spans_of(error))


def end_failed(session: Session, error: BaseException) -> NoReturn:
    """Ends the play from any thread, without unwinding user code."""
    session.before_leaving()
    root = session.span_id(_identity.ROOT_PLACE)
    _send(session, "failed", None, json.dumps({**describe(error), "span_id": root}, ensure_ascii=False), [root])
    leave(0)


def _send(session: Session, status: str, output: str | None, error: str, failed_at: list[str]) -> Reply:
    emitted = session.telemetry.flush(1.0)
    return session.lane.request(
        "end",
        f'"status":"{status}","output":{"null" if output is None else quoted(output)},"error":{error},'
        f'"failed_at":{json.dumps(failed_at)},"emitted":{emitted},{session.told()}',
    )
