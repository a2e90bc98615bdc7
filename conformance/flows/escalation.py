"""A reminder every while until somebody answers, at most three."""
# {"output": ["nobody", "closed"]}
@flow
async def main(log):
    question = asyncio.create_task(flow.pause("approve"))
    for n in range(3):
        try:
            return [n, await asyncio.wait_for(asyncio.shield(question), 0.7)]
        except asyncio.TimeoutError:
            await async_effect(log, f"remind-{n}")
    question.cancel()
    return ["nobody", await async_effect(log, "closed")]
