"""Async context managers whose exit is a step."""
# {"output": ["1", "2"], "answers": {"a": "1", "b": "2"}}
import contextlib

@contextlib.asynccontextmanager
async def session(log, name):
    await async_effect(log, f"open-{name}")
    try:
        yield name
    finally:
        await async_effect(log, f"close-{name}")

@flow
async def main(log):
    async def use(name):
        async with session(log, name) as open_name:
            return await ask_user.text(f"{open_name}?", name=name)

    return await asyncio.gather(use("a"), use("b"))
