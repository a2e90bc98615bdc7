"""Times, ids and random numbers are remembered."""
# {"output": 3, "answers": {"look": 1}}
@flow
def main(log):
    values = [flow.uuid(), flow.random(), str(flow.now())]
    effect(log, values[0])
    flow.pause("look")
    effect(log, values[0] + "-again")
    return len(values)
