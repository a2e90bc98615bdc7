"""A failed gather; the other branches go on in the background and are awaited."""
# {"output": ["first", "other"], "answers": {"look": 1}}
@flow
async def bad(log):
    note(log, "bad")
    raise RuntimeError("first")

@flow
async def main(log):
    other = asyncio.create_task(async_effect(log, "other", ms=80))
    try:
        await asyncio.gather(bad(log), other)
        told = "fine"
    except RuntimeError as error:
        told = str(error)
    got = await other
    await flow.pause("look")
    return [told, got]
