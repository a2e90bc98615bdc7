"""A timeout around a question fires while another branch works."""
# {"output": ["gave-up", ["work-0", "work-1", "work-2", "work-3", "work-4", "work-5", "work-6", "work-7"]], "answers": {"look": 1}}
@flow
async def main(log):
    async def asks():
        try:
            return await asyncio.wait_for(flow.pause("never"), 0.5)
        except asyncio.TimeoutError:
            return await async_effect(log, "gave-up")

    async def works():
        return [await async_effect(log, f"work-{n}", ms=150) for n in range(8)]

    got = await asyncio.gather(asks(), works())
    await flow.pause("look")
    return got
