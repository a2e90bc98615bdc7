"""A pipelined flow with a pause."""
# {"output": 23, "answers": {"look": 1}, "pipelined": true}
@flow(durability="pipelined")
def main(log):
    got = [effect(log, f"pl-{n}", ms=2) for n in range(20)]
    flow.pause("look")
    return len(got) + len(effect(log, "end"))
