"""Threads that take from a queue.Queue."""
# {"output": ["tq-0", "tq-1", "tq-2", "tq-3", "tq-4", "tq-5", "tq-6", "tq-7"], "answers": {"look": 1}}
import queue

@flow
def main(log):
    todo, got = queue.Queue(), []
    for n in range(8):
        todo.put(n)

    def work():
        while True:
            try:
                n = todo.get_nowait()
            except queue.Empty:
                return
            got.append(effect(log, f"tq-{n}"))

    threads = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flow.pause("look")
    return sorted(got)
