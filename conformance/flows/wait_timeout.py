"""asyncio.wait with a timeout, again and again, beside a question."""
# {"output": ["stopped", "now"], "answers": {"stop": "now"}}
@flow
async def main(log):
    asked = asyncio.ensure_future(ask_user.text("Stop?", name="stop"))
    rounds = 0
    while True:
        done, _ = await asyncio.wait([asked], timeout=0.4)
        if done:
            return ["stopped", asked.result()]
        if rounds < 2:
            await async_effect(log, f"round-{rounds}")
        rounds += 1
