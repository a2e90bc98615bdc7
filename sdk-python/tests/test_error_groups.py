"""Errors of groups: the caller gets the same group in the first run and in a replay."""

from __future__ import annotations

from typing import Any

from error_flows import HEAD, both, groups


@groups
def test_groups_are_split_by_except_star(play: Any) -> None:
    source = """
class Mine(ExceptionGroup):
    def derive(self, members): return Mine(self.message, members)
@flow
def bad(kind):
    error = KeyError("two")
    error.add_note("second")
    kind("many", [ValueError("one"), ExceptionGroup("inner", [error, OSError(2, "no", "f")])])
    raise kind("many", [ValueError("one"), ExceptionGroup("inner", [error, OSError(2, "no", "f")])])
@flow
def mine(): bad.__wrapped__(Mine)
@flow
def plain(): bad.__wrapped__(ExceptionGroup)
@flow
def base():
    class Stop(BaseException): pass
    raise BaseExceptionGroup("base", [Stop("s"), ValueError("v")])
@flow
def main():
    seen = []
    for one in (mine, plain):
        try: one()
        except* KeyError as group: seen.append(told(group))
        except* Exception as group: seen.append(told(group))
    try: base()
    except BaseException as error: seen.append(told(error))
    return seen
"""
    seen = both(play, source)
    names = [one["type"][1] for one in seen]
    assert names == ["Mine", "Mine", "ExceptionGroup", "ExceptionGroup", "BaseExceptionGroup"]
    assert seen[0]["members"][0]["members"][0]["notes"] == ["second"]


@groups
def test_a_failed_task_group(play: Any) -> None:
    source = """
@flow
async def bad(n):
    await asyncio.sleep(n / 100)
    raise (KeyError, ValueError)[n](f"no {n}")
@flow
async def both():
    async with asyncio.TaskGroup() as group:
        for n in range(2):
            group.create_task(bad(n))
@flow
async def main():
    seen = []
    try: await both()
    except* KeyError as group: seen.append(told(group))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bad(1))
    except* ValueError as group: seen.append([str(one) for one in group.exceptions])
    return seen
"""
    seen = both(play, source)
    assert seen[0]["members"][0]["args"] == ["'no 0'"] and seen[1] == ["no 1"]


@groups
def test_a_group_with_a_cancelled_member_is_not_remembered(play: Any) -> None:
    source = """
@flow
def bad(): raise BaseExceptionGroup("mixed", [ValueError("v"), KeyboardInterrupt()])
@flow
def main():
    try: bad()
    except BaseException as error: return str(error)
"""
    executor = play(HEAD + source)
    executor.run()
    assert executor.output.startswith("mixed") and executor.commits == []
