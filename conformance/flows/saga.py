"""A saga: what was done is undone in reverse when a later part fails."""
# {"output": [["flight", "hotel"], ["hotel", "flight"]], "answers": {"undo": true}}
@flow
def reserve(log, what):
    note(log, f"reserve-{what}")
    if what == "car":
        raise LookupError("no car")
    return what

@flow
def undo(log, what):
    note(log, f"undo-{what}")
    return what

@flow
def main(log):
    done, undone = [], []
    try:
        for what in ("flight", "hotel", "car"):
            done.append(reserve(log, what))
    except LookupError as error:
        if ask_user.confirm(f"{error}: undo?", name="undo"):
            undone = [undo(log, what) for what in reversed(done)]
    return [done, undone]
