"""Equal items of a map are told apart."""
# {"output": 6, "answers": {"look": 1}, "repeats": ["same"]}
@flow
def main(log):
    @flow(name="one")
    def one(word):
        return [effect(log, "same"), flow.uuid()]

    got = flow.map(one, ["x"] * 6)
    flow.pause("look")
    return len({uuid for _, uuid in got})
