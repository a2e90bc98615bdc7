"""A bare except around a pause does not see the suspension."""
# {"output": [[], 5], "answers": {"look": 5}}
@flow
def main(log):
    seen = []
    try:
        got = flow.pause("look")
    except BaseException as error:
        seen.append(type(error).__name__)
        got = None
    effect(log, "after")
    return [seen, got]
