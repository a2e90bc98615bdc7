"""What a flow outside the runtime remembers: for one run, or in a folder so that a second run goes on where the first stopped.

Rules:
 1. A file belongs to one source, entry and input: another source never uses the memory of an earlier one by accident.
 2. An outcome is on disk before its step returns (I3). A line that was cut when the process died is left out.
 3. One process at a time has a file open.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._errors import OptionError
from ._memory import Memory

_FINISHED = ("value", "error")


class MemoryUnusable(OptionError):
    """The file of a memory cannot be used; nothing has run."""


class LocalMemory:
    """Items by place, in the order of their commits; they are what the registry keeps of a play."""

    def __init__(self) -> None:
        self.play_sid = f"local-{uuid.uuid4()}"
        self._items: dict[str, list[str]] = {}  # kind, text, parent place, name, role
        self._ends: dict[str, float] = {}  # of timers, in seconds since the epoch

    def __len__(self) -> int:
        return len(self._items)

    def commit(self, step: Mapping[str, Any]) -> None:
        self._keep(step["place"], [step["kind"], step["outcome"], step["parent_place"], step["name"], step["role"]])

    def answered(self, question: Mapping[str, Any], kind: str, payload: str) -> None:
        self._keep(question["place"], [kind, payload, question["parent_place"], question["name"], question["role"]])

    def timer(self, place: str, seconds: float) -> float:
        """How many seconds are left of a timer, which an earlier run may have begun."""
        ends = self._ends.get(place)
        if ends is None:
            self._ends[place] = time.time() + seconds
            self._write({"timer": place, "ends": self._ends[place]})
            return seconds
        return max(0.0, ends - time.time())

    def items(self) -> Memory:
        """What the next run is given: without what is below a finished call."""
        finished = {place for place, (kind, *_) in self._items.items() if kind in _FINISHED}
        kept = [(place, *item) for place, item in self._items.items() if not self._is_below(item[2], finished)]
        return Memory(kept)  # type: ignore[arg-type]

    def close(self) -> None:
        """Nothing is open."""

    def _is_below(self, parent: str, finished: set[str]) -> bool:
        while parent:
            if parent in finished:
                return True
            parent = self._items[parent][2] if parent in self._items else ""
        return False

    def _keep(self, place: str, item: list[str]) -> None:
        self._items.pop(place, None)
        self._items[place] = item
        self._write({"place": place, "item": item})

    def _write(self, record: dict[str, Any]) -> None:
        """Kept in this process only."""


class FileMemory(LocalMemory):
    """The same in a file of JSON lines."""

    def __init__(self, folder: str | Path, name: str, identity: str) -> None:
        super().__init__()
        words = re.sub(r"[^\w-]+", "-", name)[:60]
        self.path = Path(folder) / f"{words}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b")  # noqa: SIM115
        except OSError as error:
            raise MemoryUnusable(
                f"--memory: {self.path} cannot be written: {error.strerror}; name another folder"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise MemoryUnusable(
                f"--memory: another process runs this flow with these inputs now, and has {self.path} open"
            ) from None
        self._read()

    def close(self) -> None:
        self._file.close()

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            record = json.loads(line)
            if "play_sid" in record:
                self.play_sid = record["play_sid"]
            elif "timer" in record:
                self._ends[record["timer"]] = record["ends"]
            else:
                self._items.pop(record["place"], None)
                self._items[record["place"]] = record["item"]
            whole += len(line)
        self._file.truncate(whole)
        if not whole:
            self._write({"play_sid": self.play_sid})

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
