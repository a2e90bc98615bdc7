"""flow.map of an async flow in an async flow, with few workers."""
# {"output": ["a-0b-0", "a-1b-1", "a-2b-2", "a-3b-3", "a-4b-4", "a-5b-5", "a-6b-6", "a-7b-7", "a-8b-8", "a-9b-9"], "answers": {"look": 1}}
@flow
async def main(log):
    @flow(name="one")
    async def one(n):
        first = await async_effect(log, f"a-{n}")
        return first + await async_effect(log, f"b-{n}")

    got = await flow.map(one, list(range(10)), max_workers=3)
    await flow.pause("look")
    return got
