"""flow.map over steps that ask."""
# {"output": ["m-0-0", "m-1-1", "m-2-2", "m-3-3", "m-4-4"], "answers": {"m0": 0, "m1": 1, "m2": 2, "m3": 3, "m4": 4}}
@flow
def one(log, n):
    effect(log, f"m-{n}")
    answer = ask_user.number(f"{n}?", name=f"m{n}")
    return effect(log, f"m-{n}-{answer}")

@flow
def main(log):
    def run(n):
        return one(log, n)

    return flow.map(flow(name="run")(run), range(5), max_workers=2)
