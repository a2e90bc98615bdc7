"""A step that works too long fails with StepTimeout, remembered."""
# {"output": ["timeout", "end"], "answers": {"look": 1}}
@flow(timeout=0.3)
async def slow(log):
    note(log, "slow")
    await asyncio.sleep(30)

@flow
async def main(log):
    try:
        await slow(log)
        told = "fine"
    except TimeoutError:
        told = "timeout"
    await flow.pause("look")
    return [told, await async_effect(log, "end")]
