"""Polling a queue with wait_for(timeout) while a producer works."""
# {"output": ["q-0", "q-1", "q-2"], "answers": {"look": 1}}
@flow
async def main(log):
    queue, got = asyncio.Queue(), []

    async def produce():
        for n in range(3):
            queue.put_nowait(await async_effect(log, f"q-{n}", ms=120))

    task = asyncio.create_task(produce())
    while len(got) < 3:
        try:
            got.append(await asyncio.wait_for(queue.get(), 0.05))
        except asyncio.TimeoutError:
            continue
    await task
    await flow.pause("look")
    return got
