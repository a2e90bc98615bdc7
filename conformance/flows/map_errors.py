"""The first failed item of a map is raised, the others keep what they did."""
# {"output": "no 2", "answers": {"look": 1}}
@flow
def main(log):
    @flow(name="one")
    def one(n):
        effect(log, f"e-{n}")
        if n in (2, 4):
            raise LookupError(f"no {n}")
        return n

    try:
        flow.map(one, range(6))
        told = "fine"
    except LookupError as error:
        told = str(error)
    flow.pause("look")
    return told
