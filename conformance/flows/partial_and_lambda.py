"""A partial and a lambda that call steps."""
# {"output": ["p-0", "p-1", "p-2", "l-0", "l-1", "l-2"], "answers": {"look": 1}}
import functools

@flow
def main(log):
    got = [call(f"p-{n}") for n, call in enumerate([functools.partial(effect, log)] * 3)]
    more = list(map(lambda n: effect(log, f"l-{n}"), range(3)))
    flow.pause("look")
    return got + more
