"""A branch waits for an event that another one sets after its answer."""
# {"output": ["set", "w-0", "w-1"], "answers": {"ready": true}}
@flow
async def main(log):
    ready, lock, order = asyncio.Event(), asyncio.Lock(), []

    async def waiter(n):
        await ready.wait()
        async with lock:
            order.append(await async_effect(log, f"w-{n}"))

    async def setter():
        await ask_user.confirm("Ready?", name="ready")
        order.append(await async_effect(log, "set"))
        ready.set()

    await asyncio.gather(waiter(0), waiter(1), setter())
    return order
