"""An idle thread of the user does not keep the play from suspending."""
# {"output": ["a", "b", "end"], "answers": {"i0": "a", "i1": "b"}}
@flow
async def main(log):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    gate = asyncio.Semaphore(1)

    async def one(n):
        async with gate:
            return await ask_user.text(f"{n}?", name=f"i{n}")

    got = await asyncio.gather(one(0), one(1))
    return got + [await async_effect(log, "end")]
