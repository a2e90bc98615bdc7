"""Two threads ask at the same time."""
# {"output": ["0-a", "1-b"], "answers": {"t0": "a", "t1": "b"}}
@flow
def main(log):
    got = {}

    def work(n):
        got[n] = effect(log, f"{n}-" + ask_user.text(f"{n}?", name=f"t{n}"))

    threads = [threading.Thread(target=contextvars.copy_context().run, args=(work, n)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [got[0], got[1]]
