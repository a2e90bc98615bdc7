"""An async flow.map whose items ask, with two workers."""
# {"output": [["b-0", "r0"], ["b-1", "r1"], ["b-2", "r2"], ["b-3", "r3"]], "answers": {"am0": "r0", "am1": "r1", "am2": "r2", "am3": "r3"}}
@flow
async def main(log):
    @flow(name="one")
    async def one(n):
        before = await async_effect(log, f"b-{n}")
        return [before, await ask_user.text(f"{n}?", name=f"am{n}")]

    return await flow.map(one, [0, 1, 2, 3], max_workers=2)
