"""Children as plays of their own, gathered."""
# {"output": ["child-0", "child-1", "child-2"], "answers": {"look": 1}}
@flow(name="{workflow}")
async def main(log, n=-1):
    if n >= 0:
        return await async_effect(log, f"child-{n}")
    got = await asyncio.gather(*(flow.invoke("{workflow}", spawn=True, log=log, n=n) for n in range(3)))
    await flow.pause("look")
    return got
