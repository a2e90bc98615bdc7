"""Workers over an asyncio.Queue that sleep between their steps, longer in all than anybody would call a moment; who is first is not a matter of time."""
# {"output": [["s-0", "s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7"], ["same", 8]], "answers": {"look": 1}}


@flow
async def main(log):
    queue, done, by = asyncio.Queue(), [], []
    for n in range(8):
        queue.put_nowait(n)

    async def worker(pace):
        while not queue.empty():
            n = queue.get_nowait()
            done.append(await async_effect(log, f"s-{n}", ms=5))
            await asyncio.sleep(pace)

    await asyncio.gather(worker(0.6), worker(0.6))
    await flow.pause("look")
    return [sorted(done), ["same", len(set(done))]]
