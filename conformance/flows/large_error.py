"""An error of more than 16 MiB is shortened, and remembered."""
# {"output": [true, "shortened"], "answers": {"look": 1}}
@flow
def bad(log):
    note(log, "bad")
    raise ValueError("x" * (17 << 20))

@flow
def main(log):
    try:
        bad(log)
    except ValueError as error:
        told = [str(error).startswith("xxx"), "shortened" if "shortened" in error.__notes__[-1] else "whole"]
    flow.pause("look")
    return told
