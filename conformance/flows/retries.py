"""Tries of a step are counted over the pause."""
# {"output": true, "answers": {"look": 1}, "repeats": ["try"]}
@flow(retries=3, retry_delay=0.05)
def shaky(log):
    tries = note(log, "try")
    if tries < 3:
        raise ConnectionError("again")
    return tries

@flow
def main(log):
    got = shaky(log)
    flow.pause("look")
    return got >= 3
