"""A step that changes its argument changes its own copy."""
# {"output": [2, ["a"]], "answers": {"look": 1}}
@flow
def grow(log, items):
    note(log, "grow")
    items.append("new")
    return len(items)

@flow
def main(log):
    items = ["a"]
    size = grow(log, items)
    effect(log, f"has-{len(items)}")
    flow.pause("look")
    effect(log, f"still-{len(items)}")
    return [size, items]
