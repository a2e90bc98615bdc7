"""Workers take equal items from an asyncio.Queue; each has a step of its own for each."""
# {"output": 16, "answers": {"done": true}, "repeats": ["same"]}
@flow
async def main(log):
    queue = asyncio.Queue()
    for _ in range(8):
        queue.put_nowait("same")
    done = []

    async def worker(name):
        while True:
            item = await queue.get()
            if item is None:
                return
            done.append(await async_effect(log, item))
            done.append(await async_effect(log, f"after-{len(done)}-{name}"))

    workers = [asyncio.create_task(worker(n)) for n in range(2)]
    for _ in workers:
        queue.put_nowait(None)
    await asyncio.gather(*workers)
    await ask_user.confirm("Done?", name="done")
    return len(done)
