"""Three hundred steps at the same time, then a question."""
# {"output": [8955050, "end"], "answers": {"look": 1}}
@flow
async def main(log):
    @flow(name="square")
    async def square(n):
        await asyncio.sleep(random.random() * 0.05)
        return n * n

    got = await asyncio.gather(*(square(n) for n in range(300)))
    await flow.pause("look")
    return [sum(got), await async_effect(log, "end")]
