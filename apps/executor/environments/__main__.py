"""One request as a JSON line on stdin; JSON lines on stdout: `log` as it goes on, then `done` or `failed`.

resolve  requirements → packages, each a release and the hashes of its files
build    packages → the folder that has them
sweep    the ids that are needed → the ids that were removed
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn

from . import folders, processes
from .installers import Failed, installer

_MARKER = "lock.json"


def main() -> None:
    processes.end_with_parent()
    os.umask(0o022)
    order = json.loads(sys.stdin.readline())
    try:
        say(t="done", **_ACTIONS[order["t"]](order))
    except Failed as error:
        fail(str(error), error.lines)
    except (OSError, ValueError) as error:
        fail(f"{type(error).__name__}: {error}", [])


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def log(text: str) -> None:
    say(t="log", text=text)


def fail(message: str, lines: list[str]) -> NoReturn:
    say(t="failed", message=message, lines=lines)
    raise SystemExit(1)


def resolve(order: dict[str, Any]) -> dict[str, Any]:
    tool = installer(order["installer"], order["tools"], log)
    return {"packages": tool.resolve(order["requirements"], log)}


def build(order: dict[str, Any]) -> dict[str, Any]:
    packages = order["packages"]

    def install(draft: str) -> None:
        if packages:
            installer(order["installer"], order["tools"], log).install(packages, draft, log)
        with open(os.path.join(draft, _MARKER), "w", encoding="utf-8") as file:
            json.dump(packages, file)

    def wait() -> None:
        log("another executor installs these packages; waiting for it")

    built = folders.make_once(order["root"], order["id"], install, wait)
    return {"built": built}


def sweep(order: dict[str, Any]) -> dict[str, Any]:
    return {"removed": folders.sweep(order["root"], set(order["needed"]), order["keep_seconds"])}


_ACTIONS = {"resolve": resolve, "build": build, "sweep": sweep}

if __name__ == "__main__":
    main()
