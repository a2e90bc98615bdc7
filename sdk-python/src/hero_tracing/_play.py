"""One attempt of a play: the entry point of the fork server's child."""

from __future__ import annotations

import socket


def run_play(control: socket.socket, telemetry: socket.socket) -> int:
    """Runs one attempt over its two connections and returns the exit code of the process.

    The caller has sent the `hello` line on both connections already (they are not counted in `emitted`) and has entered
    the sandbox and the play's working directory. The caller ends the process with `os._exit(code)`: 0 after a committed
    end, 75 is never returned (a suspended play leaves by `os._exit(75)` itself), another code where the play ended
    itself by `SystemExit`, 70 where the executor's connection ended or said something that is no frame.
    """
    raise NotImplementedError
