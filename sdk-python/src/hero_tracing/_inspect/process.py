"""The forked child that parses a source: one line in, one line out, on the control connection."""

from __future__ import annotations

import json
import socket

from .inspection import inspect_source


def run_inspection(control: socket.socket) -> int:
    """Reads `{"source": …}` and answers with the result of `inspect_source`."""
    with control, control.makefile("rwb") as lines:
        source = json.loads(lines.readline())["source"]
        lines.write(json.dumps(inspect_source(source)).encode() + b"\n")
        lines.flush()
    return 0
