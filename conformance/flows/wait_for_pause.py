"""asyncio.wait_for around a question that nobody answers fires, and what follows runs once."""
# {"output": ["timeout", "ok", "end"], "answers": {"next": "ok"}}
@flow
async def main(log):
    await async_effect(log, "before")
    try:
        await asyncio.wait_for(flow.pause("never"), 1.5)
        said = "answered"
    except asyncio.TimeoutError:
        said = "timeout"
    await async_effect(log, f"then-{said}")
    answer = await ask_user.text("Next?", name="next")
    return [said, answer, await async_effect(log, "end")]
