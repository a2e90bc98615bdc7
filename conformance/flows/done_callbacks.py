"""Done callbacks start further tasks."""
# {"output": [["d-0", "d-1", "d-2"], ["more-0", "more-1", "more-2"]], "answers": {"look": 1}}
@flow
async def main(log):
    more, got = [], []

    def started(task):
        got.append(task.result())
        if len(more) < 3:
            more.append(asyncio.ensure_future(async_effect(log, f"more-{len(more)}")))

    tasks = [asyncio.create_task(async_effect(log, f"d-{n}")) for n in range(3)]
    for task in tasks:
        task.add_done_callback(started)
    await asyncio.gather(*tasks)
    await asyncio.gather(*more)
    await flow.pause("look")
    return [sorted(got), sorted(task.result() for task in more)]
