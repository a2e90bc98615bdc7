"""The first of several questions decides; the others are cancelled."""
# {"output": ["1-hi", "end"], "answers": {"ask-1": "hi"}}
@flow
async def main(log):
    async def ask(n):
        answer = await flow.pause(f"ask-{n}", schema={"type": "string"})
        return await async_effect(log, f"{n}-{answer}")

    tasks = [asyncio.create_task(ask(n)) for n in range(3)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [task.result() for task in done] + [await async_effect(log, "end")]
