"""asyncio.timeout around a long sleep and a question."""
# {"output": ["out", "out2"], "answers": {"look": 1}, "python": "3.11"}
@flow
async def main(log):
    said = []
    try:
        async with asyncio.timeout(1.2):
            await async_effect(log, "in")
            await flow.sleep(3600)
    except TimeoutError:
        said.append(await async_effect(log, "out"))
    try:
        async with asyncio.timeout(1.2):
            await flow.pause("never")
    except TimeoutError:
        said.append(await async_effect(log, "out2"))
    await flow.pause("look")
    return said
