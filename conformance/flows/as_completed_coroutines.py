"""asyncio.as_completed over plain coroutines that ask and act."""
# {"output": ["a-0-b-0", "a-1-x-b-1", "a-2-b-2", "a-3-y-b-3"], "answers": {"q1": "x", "q3": "y"}}
@flow
async def main(log):
    async def one(n):
        first = await async_effect(log, f"a-{n}")
        if n % 2:
            first += "-" + await ask_user.text(f"Name {n}?", name=f"q{n}")
        return first + "-" + await async_effect(log, f"b-{n}")

    got = []
    for done in asyncio.as_completed([one(n) for n in range(4)]):
        got.append(await done)
    return sorted(got)
