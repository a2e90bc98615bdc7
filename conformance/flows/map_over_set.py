"""flow.map over a set: its order is the same in every attempt."""
# {"output": [["w-beer", "w-coffee", "w-cola", "w-juice", "w-milk", "w-tea", "w-water", "w-wine"], true], "answers": {"look": 1}, "repeats": ["w-"]}
@flow
def main(log):
    @flow(name="one")
    def one(word):
        return effect(log, f"w-{word}")

    words = {"tea", "coffee", "water", "milk", "juice", "beer", "wine", "cola"}
    got = flow.map(one, words)
    flow.pause("look")
    again = flow.map(one, words)
    return [sorted(got), got == again]
