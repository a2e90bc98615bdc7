"""A TaskGroup whose tasks act, ask and act."""
# {"output": ["g-0h-0", "g-1!h-1", "g-2h-2", "g-3h-3"], "answers": {"which": "!"}, "python": "3.11"}
@flow
async def main(log):
    out = {}

    async def one(n):
        out[n] = await async_effect(log, f"g-{n}")
        if n == 1:
            out[n] += await ask_user.text("Which?", name="which")
        out[n] += await async_effect(log, f"h-{n}")

    async with asyncio.TaskGroup() as group:
        for n in range(4):
            group.create_task(one(n))
    return [out[n] for n in sorted(out)]
