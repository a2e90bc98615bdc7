"""Threads that hold a lock of their own while they call steps."""
# {"output": "end", "answers": {"look": 1}}
@flow
def main(log):
    lock, got = threading.Lock(), []

    def work(n):
        with lock:
            got.append(effect(log, f"nl-{n}", ms=5))

    @flow(name="one")
    def one(n):
        work(n)
        return n

    flow.map(one, range(6))
    flow.pause("look")
    return effect(log, "end")
