"""asyncio.wait(FIRST_COMPLETED) in a loop that starts more work."""
# {"output": ["t-0", "t-1", "t-2", "t-3", "t-4", "t-5", "t-6", "t-7"], "answers": {"look": 1}}
@flow
async def main(log):
    pending = {asyncio.create_task(async_effect(log, f"t-{n}")) for n in range(4)}
    results, more = [], 4
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            results.append(task.result())
            if more < 8:
                pending.add(asyncio.create_task(async_effect(log, f"t-{more}")))
                more += 1
    await flow.pause("look")
    return sorted(results)
