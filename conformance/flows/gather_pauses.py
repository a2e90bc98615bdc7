"""Three branches ask at the same time; each goes on by itself."""
# {"output": [["before-0", 0, "after-0-0"], ["before-1", 10, "after-1-10"], ["before-2", 20, "after-2-20"]], "answers": {"n0": 0, "n1": 10, "n2": 20}}
@flow
async def main(log):
    async def one(n):
        before = await async_effect(log, f"before-{n}")
        answer = await ask_user.number(f"Number {n}?", name=f"n{n}")
        after = await async_effect(log, f"after-{n}-{answer}")
        return [before, answer, after]

    return await asyncio.gather(*(one(n) for n in range(3)))
