"""asyncio.as_completed over async flows."""
# {"output": ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5"], "answers": {"look": 1}}
@flow
async def main(log):
    got = []
    for first in asyncio.as_completed([async_effect(log, f"c-{n}") for n in range(6)]):
        got.append(await first)
        await async_effect(log, f"then-{got[-1]}")
    await flow.pause("look")
    return sorted(got)
