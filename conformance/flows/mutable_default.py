"""A mutable default does not remember earlier calls."""
# {"output": [[0], [1], [2], [3]], "answers": {"look": 1}}
@flow
def collect(log, n, into=[]):
    note(log, f"c-{n}")
    into.append(n)
    return into

@flow
def main(log):
    first = [collect(log, n) for n in range(3)]
    flow.pause("look")
    return first + [collect(log, 3)]
