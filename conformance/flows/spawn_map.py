"""Spawned children from a map, one of which fails."""
# {"output": ["kid-0", "ChildFailed", "kid-2"], "answers": {"look": 1}}
@flow(name="{workflow}")
def main(log, n=-1):
    if n == 1:
        raise ValueError("bad one")
    if n >= 0:
        return effect(log, f"kid-{n}")

    @flow(name="one")
    def one(k):
        try:
            return flow.invoke("{workflow}", spawn=True, log=log, n=k)
        except Exception as error:
            return type(error).__name__

    got = flow.map(one, [0, 1, 2])
    flow.pause("look")
    return got
