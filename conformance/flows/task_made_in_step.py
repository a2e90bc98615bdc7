"""A step that makes tasks of its own which call steps."""
# {"output": [["x-0", "x-1", "x-2"], ["y-0", "y-1", "y-2"], ["z-0", "z-1", "z-2"]], "answers": {"look": 1}}
@flow
async def team(log, name):
    return await asyncio.gather(*(async_effect(log, f"{name}-{n}") for n in range(3)))

@flow
async def main(log):
    got = await asyncio.gather(team(log, "x"), team(log, "y"))
    await flow.pause("look")
    return got + [await team(log, "z")]
