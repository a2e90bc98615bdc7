"""Causes and notes of an error are there in the replay."""
# {"output": ["outer", "KeyError('x')"], "answers": {"look": 1}}
@flow
def bad(log):
    note(log, "bad")
    try:
        {}["x"]
    except KeyError as cause:
        raise RuntimeError("outer") from cause

@flow
def main(log):
    try:
        bad(log)
    except RuntimeError as error:
        told = [str(error), repr(error.__cause__)]
    flow.pause("look")
    return told
