"""A branch that is cancelled while it asks; another goes on."""
# {"output": ["ok", "end"], "answers": {"next": "ok"}}
@flow
async def main(log):
    async def asks():
        try:
            return await flow.pause("never")
        except asyncio.CancelledError:
            await async_effect(log, "cancelled")
            raise

    task = asyncio.create_task(asks())
    await async_effect(log, "first", ms=100)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return [await ask_user.text("Next?", name="next"), await async_effect(log, "end")]
