"""finally and with blocks run once, when the flow really leaves them."""
# {"output": "done", "answers": {"look": 1}}
@flow
def main(log):
    try:
        with flow.step("block"):
            flow.pause("look")
            effect(log, "inside")
    finally:
        effect(log, "finally")
    return "done"
