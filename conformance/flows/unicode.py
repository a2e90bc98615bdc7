"""Names, keys and values in any script."""
# {"output": [{"\u043a\u043b\u044e\u0447": "\u00f1and\u00fa", "\ud83c\udf88": ["\u00f1and\u00fa"]}, "se\u00f1al"], "answers": {"qu\u00e9": "se\u00f1al"}}
@flow(name="größe 測試 🎈")
def odd(log, wert):
    note(log, "odd")
    return {"ключ": wert, "🎈": [wert]}

@flow
def main(log):
    got = odd(log, "ñandú")
    answer = ask_user.text("¿Qué?", name="qué")
    return [got, answer]
