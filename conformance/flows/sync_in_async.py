"""Sync steps called in coroutines."""
# {"output": [["s-0", "t-0"], ["s-1", "t-1"], ["s-2", "t-2"]], "answers": {"look": 1}}
@flow
async def main(log):
    async def one(n):
        first = effect(log, f"s-{n}", ms=5)
        await asyncio.sleep(0)
        return [first, effect(log, f"t-{n}", ms=5)]

    got = await asyncio.gather(*(one(n) for n in range(3)))
    await flow.pause("look")
    return got
