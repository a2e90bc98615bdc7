"""A step fails with an ExceptionGroup; the caller sees it again after the pause."""
# {"output": ["ExceptionGroup('many', [ExceptionGroup('inner', [KeyError('two')])])", "inner"], "answers": {"look": 1}, "python": "3.11"}
@flow
def bad(log):
    note(log, "bad")
    raise ExceptionGroup("many", [ValueError("one"), ExceptionGroup("inner", [KeyError("two")])])

@flow
def main(log):
    for round in range(2):
        try:
            bad(log)
        except* KeyError as group:
            told = [repr(group), group.exceptions[0].message]
        except* ValueError as group:
            pass
        if round == 0:
            break
    flow.pause("look")
    return told
