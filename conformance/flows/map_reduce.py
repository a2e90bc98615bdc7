"""A map, a reduce and a second map over its result."""
# {"output": [2, 2, 3, 3], "answers": {"look": 1}}
@flow
def count(log, text):
    note(log, f"count-{text.replace(' ', '_')}")
    return {word: text.split().count(word) for word in set(text.split())}

@flow
def main(log):
    @flow(name="one")
    def one(text):
        return count(log, text)

    totals = {}
    for part in flow.map(one, ["a b a", "b c", "c c"]):
        for word, n in part.items():
            totals[word] = totals.get(word, 0) + n
    flow.pause("look")
    again = flow.map(one, [f"{word} x" for word in sorted(totals)])
    return [totals["a"], totals["b"], totals["c"], len(again)]
