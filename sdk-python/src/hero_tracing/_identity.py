"""Where in the tree a call stands, and the identities that follow from it (docs/protocol.md, section 1).

A place depends on the tree and the arguments only, never on the clock or the process: it is the same in every attempt
(I3, I4).
"""

from __future__ import annotations

from hashlib import sha1, sha256

ROOT_PLACE = "0" * 32


def first_place(parent_place: str, branch: str, name: str, args: str) -> str:
    """The place of the first of equal calls; `branch` and `name` are JSON strings, `args` is canonical JSON."""
    return sha256(f'["{parent_place}",{branch},{name},{args},0]'.encode()).hexdigest()[:32]


class Counter:
    """Counts equal calls under one node and one branch, from 0, at the call."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}  # by the place of the first of them

    def place(self, parent_place: str, branch: str, name: str, args: str) -> str:
        """The place of the next such call.

        >>> counter = Counter()
        >>> first = counter.place(ROOT_PLACE, '""', '"add"', '{"a":1}')
        >>> second = counter.place(ROOT_PLACE, '""', '"add"', '{"a":1}')
        >>> len(first), first == second
        (32, False)
        """
        first = first_place(parent_place, branch, name, args)
        n = self._seen.get(first, 0)
        self._seen[first] = n + 1
        return first if n == 0 else _place(parent_place, branch, name, args, n)

    def coming(self, parent_place: str, branch: str, name: str, args: str) -> str:
        """What `place` would return, without counting it."""
        first = first_place(parent_place, branch, name, args)
        n = self._seen.get(first, 0)
        return first if n == 0 else _place(parent_place, branch, name, args, n)


def _place(parent_place: str, branch: str, name: str, args: str, n: int) -> str:
    return sha256(f'["{parent_place}",{branch},{name},{args},{n}]'.encode()).hexdigest()[:32]


def nth_place(parent_place: str, name: str, n: int) -> str:
    """The place of something that is numbered by the runtime itself: a try, a backoff, a decision.

    >>> nth_place(ROOT_PLACE, '"try"', 1) != nth_place(ROOT_PLACE, '"try"', 2)
    True
    """
    return sha256(f'["{parent_place}","",{name},null,{n}]'.encode()).hexdigest()[:32]


def resolve_place(name: str, version_sid: str) -> str:
    """Where the version is remembered that an invoked workflow resolved to; both are JSON strings."""
    return sha256(f'["{ROOT_PLACE}","",{name},{version_sid},0]'.encode()).hexdigest()[:32]


def step_key(version_sid: str, place: str) -> str:
    """The identity under which a step's outcome is remembered."""
    return sha1(f"{version_sid}|{place}".encode(), usedforsecurity=False).hexdigest()


def span_id(play_sid: str, place: str, attempt_of_step: int = 0) -> str:
    """The same place is the same span in every attempt of the play."""
    return sha256(f"{play_sid}|{place}|{attempt_of_step}".encode()).hexdigest()[:16]


def idempotency_key(play_sid: str, key: str) -> str:
    """What a step may give to the outside world: the same in every attempt, another in every play (I4)."""
    return sha256(f"{play_sid}|{key}".encode()).hexdigest()[:32]


def resume_id(play_sid: str, place: str) -> str:
    """The id of the question that is asked at this place."""
    return sha256(f"resume|{play_sid}|{place}".encode()).hexdigest()[:32]
