"""An asyncio.Barrier between two phases."""
# {"output": ["p2-0", "p2-1", "p2-2"], "answers": {"middle": 1}, "python": "3.11"}
@flow
async def main(log):
    barrier = asyncio.Barrier(3)

    async def one(n):
        await async_effect(log, f"p1-{n}")
        await barrier.wait()
        if n == 0:
            await flow.pause("middle")
        await barrier.wait()
        return await async_effect(log, f"p2-{n}")

    return await asyncio.gather(*(one(n) for n in range(3)))
