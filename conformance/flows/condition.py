"""A producer and two consumers over a Condition."""
# {"output": ["use-make-0", "use-make-1", "use-make-2", "use-make-3"], "answers": {"look": 1}}
@flow
async def main(log):
    condition, items, out = asyncio.Condition(), [], []

    async def consumer():
        async with condition:
            await condition.wait_for(lambda: items)
            item = items.pop(0)
        out.append(await async_effect(log, f"use-{item}"))

    async def producer():
        for n in range(4):
            made = await async_effect(log, f"make-{n}")
            async with condition:
                items.append(made)
                condition.notify()

    await asyncio.gather(producer(), *(consumer() for _ in range(4)))
    await flow.pause("look")
    return sorted(out)
