"""Twelve branches behind a semaphore of three."""
# {"output": ["s-0", "s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8", "s-9", "s-10", "s-11"], "answers": {"look": 1}}
@flow
async def main(log):
    gate = asyncio.Semaphore(3)

    async def one(n):
        async with gate:
            return await async_effect(log, f"s-{n}")

    got = await asyncio.gather(*(one(n) for n in range(12)))
    await flow.pause("look")
    return got
