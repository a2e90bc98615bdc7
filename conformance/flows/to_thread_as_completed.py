"""asyncio.as_completed over asyncio.to_thread: what comes next depends on who was first."""
# {"output": "end", "answers": {"look": 1}}
@flow
async def main(log):
    def work(n):
        return effect(log, f"y-{effect(log, f'x-{n}', 5)}", 5)

    got = []
    for first in asyncio.as_completed([asyncio.to_thread(work, n) for n in range(4)]):
        got.append(await first)
        await async_effect(log, f"done-{len(got)}-{got[-1]}", 5)
    await flow.pause("look")
    return await async_effect(log, "end")
