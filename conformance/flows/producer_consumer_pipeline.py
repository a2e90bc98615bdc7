"""Three stages joined by queues, one of which asks."""
# {"output": ["c-r-p-0", "c-r-p-1", "c-r-p-2!", "c-r-p-3", "c-r-p-4"], "answers": {"p2": "!"}}
@flow
async def main(log):
    first, second, out = asyncio.Queue(), asyncio.Queue(1), []

    async def produce():
        for n in range(5):
            await first.put(await async_effect(log, f"p-{n}"))
        await first.put(None)

    async def refine():
        while (item := await first.get()) is not None:
            if item == "p-2":
                item += await ask_user.text("What of p-2?", name="p2")
            await second.put(await async_effect(log, f"r-{item}"))
        await second.put(None)

    async def collect():
        while (item := await second.get()) is not None:
            out.append(await async_effect(log, f"c-{item}"))

    await asyncio.gather(produce(), refine(), collect())
    return out
