"""gather with return_exceptions keeps errors as values."""
# {"output": ["no 0", "no 1", "no 2", "good", "ValueError"], "answers": {"look": 1}}
@flow
async def bad(log, n):
    note(log, f"bad-{n}")
    raise ValueError(f"no {n}")

@flow
async def main(log):
    got = await asyncio.gather(*(bad(log, n) for n in range(3)), async_effect(log, "good"), return_exceptions=True)
    await flow.pause("look")
    return [str(one) for one in got] + [type(got[0]).__name__]
