"""Workers run for ever and are cancelled after queue.join()."""
# {"output": ["w-0", "w-1", "w-2", "w-3", "w-4", "w-5", "w-6", "w-7", "w-8"], "answers": {"look": 1}}
@flow
async def main(log):
    queue = asyncio.Queue(maxsize=2)
    seen = []

    async def worker():
        while True:
            item = await queue.get()
            seen.append(await async_effect(log, f"w-{item}"))
            queue.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(3)]
    for n in range(9):
        await queue.put(n)
    await queue.join()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    await flow.pause("look")
    return sorted(seen)
