"""A time as a tag of a span does not change what stands below it."""
# {"output": "inside", "answers": {"look": 1}}
@flow
def main(log):
    with flow.step("part", at=time.time()):
        got = effect(log, "inside")
    flow.pause("look")
    return got
