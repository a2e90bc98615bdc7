"""Twenty questions at the same time, answered in any order."""
# {"output": ["a-0-0", "a-1-1", "a-2-2", "a-3-3", "a-4-4", "a-5-5", "a-6-6", "a-7-7", "a-8-8", "a-9-9", "a-10-10", "a-11-11", "a-12-12", "a-13-13", "a-14-14", "a-15-15", "a-16-16", "a-17-17", "a-18-18", "a-19-19"], "answers": {"q0": 0, "q1": 1, "q2": 2, "q3": 3, "q4": 4, "q5": 5, "q6": 6, "q7": 7, "q8": 8, "q9": 9, "q10": 10, "q11": 11, "q12": 12, "q13": 13, "q14": 14, "q15": 15, "q16": 16, "q17": 17, "q18": 18, "q19": 19}}
@flow
async def main(log):
    async def one(n):
        answer = await ask_user.number(f"{n}?", name=f"q{n}")
        return await async_effect(log, f"a-{n}-{answer}")

    return await asyncio.gather(*(one(n) for n in range(20)))
