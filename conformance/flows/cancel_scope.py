"""A group of tasks is cancelled when one of them finds what is sought."""
# {"output": ["found", "end"], "answers": {"look": 1}}
@flow
async def main(log):
    found = asyncio.Event()

    async def seek(n):
        await async_effect(log, f"seek-{n}", ms=10)
        if n == 2:
            found.set()
            return "found"
        await asyncio.sleep(3600)

    tasks = [asyncio.create_task(seek(n)) for n in range(4)]
    await found.wait()
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    got = await asyncio.gather(*tasks, return_exceptions=True)
    await flow.pause("look")
    return [got[2], await async_effect(log, "end")]
