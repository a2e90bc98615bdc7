"""Questions deep inside of steps, in a loop with errors."""
# {"output": ["form-0-a", "empty", "form-2-c"], "answers": {"name0": "a", "name1": "-", "name2": "c"}}
@flow
def form(log, n):
    name = ask_user.text("Name?", name=f"name{n}")
    if name == "-":
        raise ValueError("empty")
    return effect(log, f"form-{n}-{name}")

@flow
def main(log):
    got = []
    for n in range(3):
        try:
            got.append(form(log, n))
        except ValueError as error:
            got.append(str(error))
    return got
