"""An at_most_once step that is not cut runs once."""
# {"output": ["a", "b"], "answers": {"look": 1}, "decides": true}
@flow(at_most_once=True)
def order(log, item):
    note(log, f"order-{item}")
    return item

@flow
def main(log):
    got = [order(log, item) for item in ("a", "b")]
    flow.pause("look")
    return got
