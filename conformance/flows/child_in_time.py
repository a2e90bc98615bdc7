"""asyncio.wait_for around a spawned child that waits for ever."""
# {"output": ["gave up", "end"]}
@flow(name="{workflow}")
async def main(log, child=False):
    if child:
        await flow.sleep(3600)
        return "late"
    try:
        got = await asyncio.wait_for(flow.invoke("{workflow}", spawn=True, log=log, child=True), 2)
    except asyncio.TimeoutError:
        got = "gave up"
    return [got, await async_effect(log, "end")]
