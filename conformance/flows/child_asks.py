"""A spawned child asks; its parent waits beside other work."""
# {"output": ["c", "beside"], "answers": {"child": "c"}}
@flow(name="{workflow}")
async def main(log, child=False):
    if child:
        return await ask_user.text("Child?", name="child")
    return await asyncio.gather(flow.invoke("{workflow}", spawn=True, log=log, child=True), async_effect(log, "beside"))
