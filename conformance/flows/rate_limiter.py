"""A rate limiter of sleeps and a lock."""
# {"output": ["r-0", "r-1", "r-2", "r-3", "r-4", "r-5", "r-6", "r-7"], "answers": {"look": 1}}
@flow
async def main(log):
    lock = asyncio.Lock()

    async def limited(n):
        async with lock:
            await asyncio.sleep(0.02)
        return await async_effect(log, f"r-{n}")

    got = await asyncio.gather(*(limited(n) for n in range(8)))
    await flow.pause("look")
    return got
