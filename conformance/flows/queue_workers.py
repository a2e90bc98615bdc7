"""Workers take items from an asyncio.Queue."""
# {"output": [["item-0", "item-1", "item-10", "item-11", "item-2", "item-3", "item-4", "item-5", "item-6", "item-7", "item-8", "item-9"], "yes"], "answers": {"go": "yes"}}
@flow
async def main(log):
    queue = asyncio.Queue()
    for n in range(12):
        queue.put_nowait(n)
    done = []

    async def worker():
        while not queue.empty():
            n = queue.get_nowait()
            done.append(await async_effect(log, f"item-{n}"))

    await asyncio.gather(*(worker() for _ in range(3)))
    answer = await ask_user.text("Go on?", name="go")
    return [sorted(done), answer]
