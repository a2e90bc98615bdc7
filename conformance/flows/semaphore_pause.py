"""Questions behind a semaphore of one are asked one after the other."""
# {"output": ["0-a", "1-b", "2-c"], "answers": {"s0": "a", "s1": "b", "s2": "c"}}
@flow
async def main(log):
    gate = asyncio.Semaphore(1)

    async def one(n):
        async with gate:
            answer = await ask_user.text(f"{n}?", name=f"s{n}")
            return await async_effect(log, f"{n}-{answer}")

    return await asyncio.gather(*(one(n) for n in range(3)))
