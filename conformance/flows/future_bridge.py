"""A Future that one task sets and others await."""
# {"output": [["v", "f-0"], ["v", "f-1"]], "answers": {"value": "v"}}
@flow
async def main(log):
    future = asyncio.get_running_loop().create_future()

    async def waits(n):
        return [await future, await async_effect(log, f"f-{n}")]

    async def sets():
        future.set_result(await ask_user.text("Value?", name="value"))

    got = await asyncio.gather(waits(0), waits(1), sets())
    return got[:2]
