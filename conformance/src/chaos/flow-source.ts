/**
 * The Python that all random flows share.
 *
 * 1. Every run of a step's body leaves a line `id key time token` in the file of its play, costs COST and prints its token. The
 *    outcome, value or error, carries the token: so each committed outcome names the run that produced it.
 * 2. `saw` records what an attempt sees, in every attempt. Two attempts must see the same.
 * 3. Each process leaves a file in its workdir and one in its /tmp, and reports what it found there when it began.
 */

/** A power of two: sums of it are exact. */
export const COST = 2 ** -10;

export const HEAD = `
import asyncio, contextvars, json, os, random, subprocess, threading, time, uuid
from hero_tracing import FlowError, flow

PLAY = os.path.basename(os.path.dirname(os.getcwd()))
FOUND = []
if "CHAOS_BEGAN" not in os.environ:
    os.environ["CHAOS_BEGAN"] = PLAY
    FOUND += os.listdir()
    FOUND += [name for name in os.listdir(os.environ["TMPDIR"]) if name.startswith("left-")]
    if os.getppid() == 1:
        FOUND += [f"process {pid}" for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]
    for folder in (".", os.environ["TMPDIR"]):
        open(os.path.join(folder, "left-" + PLAY), "w").close()

def report_found(folder, label):
    if FOUND:
        with open(os.path.join(folder, label.split(".")[0] + ".found"), "a") as out:
            out.write(f"{PLAY} {' '.join(FOUND)}\\n")
        FOUND.clear()

def note(folder, label, id):
    report_found(folder, label)
    token = "t-" + uuid.uuid4().hex[:12]
    with open(os.path.join(folder, label.split(".")[0]), "a") as out:
        out.write(f"{label}.{id} {flow.current_step.key} {time.time_ns()} {token}\\n")
    flow.current_span.cost(2**-10)
    print(token)
    return token

def saw(folder, id, value):
    report_found(folder, id)
    with open(os.path.join(folder, id.split(".")[0] + ".saw"), "a") as out:
        out.write(json.dumps([PLAY, id, value]) + "\\n")
    return [id, value]

class Refusal(Exception):
    def __init__(self, message="", code=0):
        super().__init__(message)
        self.code = code

def told(error):
    cause = error.__cause__
    return [
        type(error).__name__,
        str(error),
        getattr(error, "code", None),
        [told(member) for member in getattr(error, "exceptions", [])],
        told(cause) if cause is not None else None,
        list(getattr(error, "__notes__", [])),
    ]

def fail(kind, message):
    if kind == "group":
        raise ExceptionGroup(message, [ValueError("one"), Refusal("two", 2)])
    if kind == "cause":
        try:
            raise KeyError("missing")
        except KeyError as error:
            raise LookupError(message) from error
    if kind == "notes":
        error = Refusal(message, 7)
        error.__notes__ = ["a note"]
        raise error
    raise LookupError(message)

@flow(name="mark")
def mark(folder, label, id, pace=0.02):
    token = note(folder, label, id)
    time.sleep(random.random() * pace)
    return token

@flow(name="leaf")
def leaf(item):
    return mark(*item)

@flow(name="mark_async")
async def mark_async(folder, label, id, pace=0.02, least=0):
    token = note(folder, label, id)
    await asyncio.sleep(least + random.random() * pace)
    return token

@flow(name="mark_after")
async def mark_after(folder, label, id, before):
    return note(folder, label, id)

@flow(name="flaky", retries=3, retry_delay=0.05, jitter=0)
def flaky(folder, label, id):
    token = note(folder, label, id)
    if random.random() < 0.5:
        raise ValueError(token)
    return token

@flow(name="patient", retries=2, retry_delay=2.2, backoff=1, jitter=0)
def patient(folder, label, id):
    token = note(folder, label, id)
    if random.random() < 0.5:
        raise ValueError(token)
    return token

@flow(name="once", at_most_once=True)
def once(folder, label, id):
    token = note(folder, label, id)
    time.sleep(random.random() * 0.8)
    return token

@flow(name="stuck", timeout=0.2)
def stuck(folder, label, id):
    note(folder, label, id)
    time.sleep(30)

@flow(name="broken")
def broken(folder, label, id, kind):
    fail(kind, note(folder, label, id))

@flow(name="gate")
def gate(folder, label, id):
    token = note(folder, label, id)
    if not os.path.exists(os.path.join(folder, label + "-go")):
        raise RuntimeError(token)
    return token

@flow(name="leave")
def leave(folder, name, link):
    with open(os.path.join(folder, name + ".part"), "w") as out:
        out.write(link)
    os.rename(os.path.join(folder, name + ".part"), os.path.join(folder, name + ".link"))

@flow(name="big")
def big(folder, label, id):
    return note(folder, label, id) + os.urandom(150_000).hex()

@flow(name="light", memo=False)
def light(folder, label, id):
    return mark(folder, label, id)
`;

/** Workflows that random flows invoke. `version` changes while plays run: a play must see one. */
export const inner = (version: number): string => `${HEAD}
@flow(name="inner", inputs={"folder": "string", "label": "string"})
def main(folder, label):
    return [
        saw(folder, f"{label}.a", mark(folder, label, "a")),
        saw(folder, f"{label}.v", ${version}),
        saw(folder, f"{label}.b", mark(folder, label, "b")),
    ]
`;

export const CHILD = `${HEAD}
@flow(name="child", inputs={"folder": "string", "label": "string", "ask": "boolean"})
def main(folder, label, ask):
    seen = [saw(folder, f"{label}.a", mark(folder, label, "a"))]
    if ask:
        seen.append(saw(folder, f"{label}.q", flow.pause(f"{label}.q")))
    seen.append(saw(folder, f"{label}.b", mark(folder, label, "b")))
    return seen
`;

/** A later version of a running play's workflow: whoever runs it by mistake says so. */
export const OTHER_VERSION = `${HEAD}
@flow(inputs={"folder": "string", "label": "string"})
def main(folder, label):
    return [["another version", 0]]
`;

const branchOf = (def: string, wait: string, mark: string): string => `
@flow(name="branch")
${def} branch(n, folder, label, id, kind):
    seen = [saw(folder, f"{label}.{id}x{n}", ${wait}${mark}(folder, label, f"{id}x{n}"))]
    name = f"{label}.{id}q{n}"
    if kind == "ask":
        seen.append(saw(folder, name, ${wait}flow.pause(name)))
    if kind == "timed":
        seen.append(saw(folder, name, ${wait}flow.pause(name, timeout=0.5 + n / 2, default="default")))
    if kind == "sleep":
        ${wait}flow.sleep(2.2 if n == 0 else 0.05)
    if kind == "nested":
        for k, token in enumerate(${wait}flow.map(leaf, [[folder, label, f"{id}z{n}{k}"] for k in range(2)])):
            seen.append(saw(folder, f"{label}.{id}z{n}{k}", token))
    seen.append(saw(folder, f"{label}.{id}y{n}", ${wait}${mark}(folder, label, f"{id}y{n}")))
    return seen
`;
export const BRANCH = { sync: branchOf('def', '', 'mark'), async: branchOf('async def', 'await ', 'mark_async') };
