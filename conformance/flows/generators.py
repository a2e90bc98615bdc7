"""Generators with flow.step are advanced side by side."""
# {"output": [["a-0", "b-0"], ["a-1", "b-1"], ["a-2", "b-2"]], "answers": {"look": 1}}
@flow
def main(log):
    def parts(name):
        with flow.step(name):
            for n in range(3):
                yield effect(log, f"{name}-{n}")

    got = [list(pair) for pair in zip(parts("a"), parts("b"))]
    flow.pause("look")
    return got
