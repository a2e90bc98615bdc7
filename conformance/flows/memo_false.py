"""A step without memory runs again; what it calls does not."""
# {"output": ["in-0", "in-1", "in-2"], "answers": {"look": 1}}
@flow(memo=False)
def around(log, n):
    return effect(log, f"in-{n}")

@flow
def main(log):
    got = [around(log, n) for n in range(3)]
    flow.pause("look")
    return got
