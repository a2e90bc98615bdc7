"""A background task works while the flow asks."""
# {"output": ["Ada", ["bg-0", "bg-1", "bg-2", "bg-3", "bg-4"]], "answers": {"name": "Ada"}}
@flow
async def main(log):
    async def background():
        return [await async_effect(log, f"bg-{n}", ms=60) for n in range(5)]

    task = asyncio.create_task(background())
    answer = await ask_user.text("Name?", name="name")
    return [answer, await task]
