"""gather in gather in tasks, each leaf a step."""
# {"output": [[["leaf-aaa", "leaf-aab"], ["leaf-aba", "leaf-abb"]], [["leaf-baa", "leaf-bab"], ["leaf-bba", "leaf-bbb"]]], "answers": {"look": 1}}
@flow
async def main(log):
    async def tree(path):
        if len(path) == 3:
            return await async_effect(log, f"leaf-{path}")
        return await asyncio.gather(*(tree(path + n) for n in "ab"))

    got = await tree("")
    await flow.pause("look")
    return got
