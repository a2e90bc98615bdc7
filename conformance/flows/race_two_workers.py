"""Two branches race; the winner decides what follows, the same in every attempt."""
# {"output": "one winner", "answers": {"look": 1}, "one_of": ["winner-"]}
@flow
async def main(log):
    async def racer(n):
        await async_effect(log, f"race-{n}", ms=30)
        return n

    tasks = [asyncio.create_task(racer(n)) for n in range(2)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    winner = min(task.result() for task in done)
    await async_effect(log, f"winner-{winner}")
    await asyncio.gather(*tasks)
    await flow.pause("look")
    await async_effect(log, f"still-{winner}")
    return "one winner"
