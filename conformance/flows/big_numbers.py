"""Floats and integers at their limits keep their value."""
# {"output": [true, ["float", "float", "float", "int", "int", "float", "float", "float", "float"]], "answers": {"look": 1}}
@flow
def same(log, value):
    note(log, "same")
    return value

@flow
def main(log):
    values = [0.1 + 0.2, 1e308, 5e-324, 2**53 - 1, -(2**53 - 1), 1.0, -0.0, 1e21, 123456789.123]
    got = same(log, values)
    flow.pause("look")
    return [got == values, [type(v).__name__ for v in got]]
