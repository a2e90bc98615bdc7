"""A sync flow that runs an event loop of its own."""
# {"output": ["x", "y", "z"], "answers": {"look": 1}}
@flow
def main(log):
    async def both():
        return await asyncio.gather(async_effect(log, "x"), async_effect(log, "y"))

    got = asyncio.run(both())
    flow.pause("look")
    return got + asyncio.run(both_again(log))

async def both_again(log):
    return [await async_effect(log, "z")]
