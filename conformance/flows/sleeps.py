"""Long and short sleeps beside work."""
# {"output": ["woke", ["k-0", "k-1", "k-2", "k-3", "k-4"]]}
@flow
async def main(log):
    async def naps():
        await flow.sleep(2.5)
        return await async_effect(log, "woke")

    async def works():
        return [await async_effect(log, f"k-{n}", ms=100) for n in range(5)]

    got = await asyncio.gather(naps(), works())
    await flow.sleep(0.05)
    return got
