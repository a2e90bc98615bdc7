"""A map in a map, each item with steps and a question."""
# {"output": [["i-0-0", "i-0-1", "i-0-2", "r0"], ["i-1-0", "i-1-1", "i-1-2", "r1"], ["i-2-0", "i-2-1", "i-2-2", "r2"]], "answers": {"o0": "r0", "o1": "r1", "o2": "r2"}}
@flow
def main(log):
    @flow(name="inner")
    def inner(pair):
        return effect(log, f"i-{pair[0]}-{pair[1]}")

    @flow(name="outer")
    def outer(n):
        got = flow.map(inner, [[n, m] for m in range(3)])
        return got + [ask_user.text(f"{n}?", name=f"o{n}")]

    return flow.map(outer, [0, 1, 2])
