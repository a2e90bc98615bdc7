"""What the examples share: the client of the running system, a flow file saved as a workflow, and a tree on the terminal.

Nothing here is special: the client is generated from the OpenRPC document (libs/openrpc), and each function is a call or two.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "libs" / "openrpc" / "generated"))

from hero_logic_client import HeroClient, HeroError, Play, Span  # noqa: E402

__all__ = ["HeroClient", "HeroError", "connect", "event", "play_of", "post", "save", "show", "span_of"]

MARKS = {"success": "✓", "replayed": "↻", "failed": "✗", "paused": "⏸", "running": "●", "cancelled": "⊘"}
RPC_SOCKET = Path(os.environ.get("HERO_HOME") or "~/hero").expanduser() / "var" / "sockets" / "hero_logic" / "rpc.sock"


def connect() -> HeroClient:
    """The client of the system that runs with this HERO_HOME. It speaks over a unix socket, and needs no token."""
    if not RPC_SOCKET.exists():
        raise SystemExit(f"Nothing listens at {RPC_SOCKET}. Start Hero Logic first: npm start")
    return HeroClient(str(RPC_SOCKET))


def save(hero: HeroClient, file: str | Path) -> str:
    """Saves a flow file as a workflow, or as its next version, and returns the workflow's name."""
    source = Path(file).read_text("utf-8")
    name = hero.workflow_inspect(source)["name"]
    try:
        known = hero.workflow_get(name=name)
    except HeroError as error:
        if error.code != "NOT_FOUND":
            raise
        hero.workflow_create(name, source)
    else:
        hero.workflow_create_version(known["sid"], source)  # the same source again adds no version
    return name


def play_of(hero: HeroClient, play_sid: str) -> Play:
    """Waits until the play has ended, shows its tree, and returns it."""
    play = hero.play_wait(play_sid)
    show(hero, play_sid)
    print(f"{play['name']}: {play['status']}, {json.dumps(play['output_data'], ensure_ascii=False)}")
    return play


def event(hero: HeroClient, play_sid: str, kind: str, **fields: Any) -> Any:
    """Follows the play live, from its beginning, until it reports such an event, and returns it."""
    for message in hero.follow(play_sid, after_seq=0):
        if message["kind"] == "event":
            found = message["event"]
            if found["type"] == kind and fields.items() <= found.items():
                return found
    raise AssertionError(f"the play {play_sid} has ended without {kind} {fields}")


def show(hero: HeroClient, play_sid: str) -> None:
    """Prints the tree of a play."""
    depth: dict[str | None, int] = {None: -1}
    for span in hero.play_spans(play_sid)["spans"]:  # parents come before their children
        depth[span["id"]] = depth.get(span["parent_id"], -1) + 1
        print("  " * depth[span["id"]] + f"{MARKS[span['status']]} {span['name']}")


def span_of(hero: HeroClient, play_sid: str, name: str) -> list[Span]:
    """The spans of that name, in the order in which they began."""
    return [span for span in hero.play_spans(play_sid)["spans"] if span["name"] == name]


def post(path: str, body: Any) -> int:
    """What another service does with a signed link: it posts JSON to the gateway. Returns the HTTP status."""
    gateway = http.client.HTTPConnection("localhost")  # over the network it would be the gateway's address
    gateway.sock = socket.socket(socket.AF_UNIX)
    gateway.sock.connect(str(RPC_SOCKET))
    gateway.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    status = gateway.getresponse().status
    gateway.close()
    return status
