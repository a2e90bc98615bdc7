"""A flow that calls itself to a depth."""
# {"output": 31, "answers": {"look": 1}}
@flow
def down(log, n):
    if n == 0:
        return [effect(log, "bottom")]
    return down(log, n - 1) + [n]

@flow
def main(log):
    got = down(log, 30)
    flow.pause("look")
    return len(got)
