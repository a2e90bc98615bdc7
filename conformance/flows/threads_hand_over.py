"""A thread hands the results of its steps to another one by a queue.Queue."""
# {"output": "end", "answers": {"look": 1}}
import queue

@flow
def main(log):
    done, got = queue.Queue(), []

    def make(n):
        for k in range(2):
            done.put(effect(log, f"made-{n}-{k}", 5))

    def take():
        for n in range(6):
            got.append(effect(log, f"took-{n}-{done.get()}", 5))

    works = [(take,), *((make, n) for n in range(3))]
    threads = [threading.Thread(target=contextvars.copy_context().run, args=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flow.pause("look")
    return effect(log, "end")
