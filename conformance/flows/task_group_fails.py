"""A failed TaskGroup is caught by except*, the same in a replay."""
# {"output": ["v", "end"], "answers": {"look": 1}, "python": "3.11"}
@flow
async def bad(log, n):
    note(log, f"bad-{n}")
    raise KeyError(f"k{n}") if n else ValueError("v")

@flow
async def main(log):
    caught = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bad(log, 0))
    except* ValueError as error:
        caught += [str(one) for one in error.exceptions]
    await async_effect(log, "between")
    await flow.pause("look")
    return caught + [await async_effect(log, "end")]
