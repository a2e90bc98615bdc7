"""Workers over an asyncio.PriorityQueue that they fill themselves."""
# {"output": ["root", "root.0", "root.0.0", "root.0.1", "root.1", "root.1.0", "root.1.1"], "answers": {"look": 1}}
@flow
async def main(log):
    queue, seen = asyncio.PriorityQueue(), []
    queue.put_nowait((0, "root"))

    async def worker():
        while True:
            level, name = await queue.get()
            seen.append(await async_effect(log, name))
            if level < 2:
                for n in range(2):
                    queue.put_nowait((level + 1, f"{name}.{n}"))
            queue.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(2)]
    await queue.join()
    for task in workers:
        task.cancel()
    await flow.pause("look")
    return sorted(seen)
