"""A step that is given a client fails with an error that says so, and the flow goes on."""
# {"output": ["ArgumentNotJson", "end"], "answers": {"look": 1}}
@flow
def use(client):
    return 1

@flow
def main(log):
    try:
        use(object())
        told = "?"
    except Exception as error:
        told = type(error).__name__
    flow.pause("look")
    return [told, effect(log, "end")]
