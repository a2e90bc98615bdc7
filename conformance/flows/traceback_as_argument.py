"""The text of a traceback is handed to a step, which is found again."""
# {"output": ["in bad", "RuntimeError: outer"], "answers": {"look": 1}}
import traceback

@flow
def bad(log):
    note(log, "bad")
    try:
        {}["x"]
    except KeyError as cause:
        raise RuntimeError("outer") from cause

@flow
def report(log, text):
    note(log, "report")
    return ["in bad" if ", in bad" in text else text, text.splitlines()[-1]]

@flow
async def main(log):
    try:
        await asyncio.gather(asyncio.to_thread(bad, log))
    except RuntimeError:
        told = report(log, traceback.format_exc())
    await flow.pause("look")
    return told
