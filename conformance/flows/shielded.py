"""A shielded step ends although its waiter was cancelled."""
# {"output": "inner", "answers": {"look": 1}}
@flow
async def main(log):
    inner = asyncio.ensure_future(async_effect(log, "inner", ms=100))
    try:
        await asyncio.wait_for(asyncio.shield(inner), 600)
    except asyncio.TimeoutError:
        pass
    got = await inner
    await flow.pause("look")
    return got
