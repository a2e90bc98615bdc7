"""A map over steps that fail at first."""
# {"output": [0, 1, 2, 3, 4, 5], "answers": {"look": 1}, "repeats": ["try-"]}
@flow
def main(log):
    @flow(name="one", retries=2, retry_delay=0.02)
    def one(n):
        if note(log, f"try-{n}") < 2 and n % 2:
            raise ConnectionError("again")
        return n

    got = flow.map(one, range(6))
    flow.pause("look")
    return got
