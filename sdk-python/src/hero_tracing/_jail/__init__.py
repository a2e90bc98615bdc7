"""What a play is closed in: the jail around the fork server, and the process tree and sandbox of each play.

`server` is the loop of the fork server; `launch` makes a process tree; `jail` and `root` build what is around all plays;
`sandbox` closes around one (`kernel` and `seccomp` are what it asks of Linux).
"""

from .jail import Jail, enter

__all__ = ["Jail", "enter"]
