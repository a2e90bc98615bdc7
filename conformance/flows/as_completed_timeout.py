"""asyncio.as_completed with a timeout over questions."""
# {"output": ["late", "end"]}
@flow
async def main(log):
    async def ask(n):
        return await flow.pause(f"c{n}")

    got = []
    try:
        for first in asyncio.as_completed([ask(n) for n in range(2)], timeout=1.5):
            got.append(await first)
    except asyncio.TimeoutError:
        got.append("late")
    return got + [await async_effect(log, "end")]
