"""Threads make equal calls; each is remembered."""
# {"output": 12, "answers": {"look": 1}, "repeats": ["same"]}
@flow
def main(log):
    got, lock = [], threading.Lock()

    def work():
        for _ in range(3):
            one = effect(log, "same")
            with lock:
                got.append(one)

    threads = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flow.pause("look")
    return len(got)
