"""asyncio.to_thread calls sync steps."""
# {"output": [["x-0", "y-0"], ["x-1", "y-1"], ["x-2", "y-2"], ["x-3", "y-3"]], "answers": {"look": 1}}
@flow
async def main(log):
    def work(n):
        return [effect(log, f"x-{n}"), effect(log, f"y-{n}")]

    got = await asyncio.gather(*(asyncio.to_thread(work, n) for n in range(4)))
    await flow.pause("look")
    return got
