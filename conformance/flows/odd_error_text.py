"""An error with a NUL and a lone surrogate is remembered."""
# {"output": true, "answers": {"look": 1}}
@flow
def bad(log):
    note(log, "bad")
    raise ValueError("nul \x00 and \ud800 half")

@flow
def main(log):
    try:
        bad(log)
    except ValueError as error:
        told = "half" in str(error)
    flow.pause("look")
    effect(log, "end")
    return told
