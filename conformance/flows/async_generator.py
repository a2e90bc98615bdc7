"""An async generator of steps."""
# {"output": ["page-0", "page-1", "page-2", "page-3"], "answers": {"look": 1}}
@flow
async def main(log):
    async def pages():
        for n in range(4):
            yield await async_effect(log, f"page-{n}")

    got = [page async for page in pages()]
    await flow.pause("look")
    return got
