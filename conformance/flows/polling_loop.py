"""A polling loop makes equal calls and goes on."""
# {"output": 5, "answers": {"look": 1}, "repeats": ["poll"]}
@flow
def main(log):
    @flow(name="poll")
    def poll():
        note(log, "poll")
        return flow.random()

    seen = []
    while len(seen) < 5:
        seen.append(poll())
    flow.pause("look")
    return len(set(seen))
