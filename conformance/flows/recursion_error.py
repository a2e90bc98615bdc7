"""A RecursionError is caught, and the play goes on and pauses."""
# {"output": ["too deep", "end"], "answers": {"look": 1}}
@flow
def down(n):
    return down(n + 1)

@flow
def main(log):
    try:
        down(0)
        told = "?"
    except RecursionError:
        told = "too deep"
    flow.pause("look")
    return [told, effect(log, "end")]
