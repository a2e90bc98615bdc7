"""Errors of the standard library keep what an except needs."""
# {"output": [["FileNotFoundError", 2, "a.txt"], ["KeyError", "'k'"], ["UnicodeDecodeError", "invalid start byte"], ["JSONDecodeError", 1], ["StopIteration", 3], ["AssertionError", "because"], ["ZeroDivisionError", "division by zero"]], "answers": {"look": 1}}
import json as json_module

@flow
def boom(log, kind):
    note(log, f"boom-{kind}")
    if kind == "os":
        raise FileNotFoundError(2, "No such file", "a.txt")
    if kind == "key":
        raise KeyError("k")
    if kind == "unicode":
        b"\xff".decode()
    if kind == "json":
        json_module.loads("{")
    if kind == "stop":
        raise StopIteration(3)
    if kind == "assert":
        assert False, "because"
    if kind == "zero":
        1 / 0

@flow
def main(log):
    told = []
    for round in range(2):
        seen = []
        for kind in ("os", "key", "unicode", "json", "stop", "assert", "zero"):
            try:
                boom(log, kind)
            except OSError as error:
                seen.append([type(error).__name__, error.errno, error.filename])
            except UnicodeDecodeError as error:
                seen.append([type(error).__name__, error.reason])
            except json_module.JSONDecodeError as error:
                seen.append([type(error).__name__, error.pos])
            except StopIteration as error:
                seen.append([type(error).__name__, error.value])
            except Exception as error:
                seen.append([type(error).__name__, str(error)])
        told.append(seen)
        if round == 0:
            flow.pause("look")
            break
    return told[0]
