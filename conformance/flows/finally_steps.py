"""Steps in finally blocks and exit stacks run once, in order."""
# {"output": ["seen", "except", "finally", "exit-b", "exit-a"], "answers": {"look": "seen"}}
import contextlib

@flow
def main(log):
    order = []
    with contextlib.ExitStack() as stack:
        for name in "ab":
            stack.callback(lambda name=name: order.append(effect(log, f"exit-{name}")))
        try:
            order.append(flow.pause("look"))
            raise KeyError("x")
        except KeyError:
            order.append(effect(log, "except"))
        finally:
            order.append(effect(log, "finally"))
    return order
