"""Tasks of a user-given context, and ContextVars of the user."""
# {"output": ["w0", "w1", "w2", "nobody"], "answers": {"look": 1}}
@flow
async def main(log):
    who = contextvars.ContextVar("who", default="nobody")

    async def one(n):
        who.set(f"w{n}")
        await async_effect(log, f"ctx-{n}")
        return who.get()

    got = await asyncio.gather(*(one(n) for n in range(3)))
    await flow.pause("look")
    return got + [who.get()]
