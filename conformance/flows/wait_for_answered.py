"""asyncio.wait_for around a question that is answered in time."""
# {"output": ["Ada", "end"], "answers": {"name": "Ada"}}
@flow
async def main(log):
    answer = await asyncio.wait_for(ask_user.text("Name?", name="name"), 600)
    return [answer, await async_effect(log, "end")]
