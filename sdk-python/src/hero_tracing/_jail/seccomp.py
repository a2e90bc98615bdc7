"""The system calls that a play may not make: those that make namespaces, reach other processes, or use sockets other than TCP and UDP.

Landlock does not see pathname unix sockets, so sockets of that family are refused here (a stream socketpair, which
asyncio needs, is not). `clone3` hides its flags from the filter: it is answered with ENOSYS, and libc takes `clone`.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from . import kernel

_COMMON = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_open": 434,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
}  # fmt: skip
_DENIED = {
    "x86_64": {
        "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "ptrace": 101,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "bpf": 321, "userfaultfd": 323,
        "perf_event_open": 298, "keyctl": 250, "add_key": 248, "request_key": 249, "init_module": 175,
        "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320, "reboot": 169,
        "swapon": 167, "swapoff": 168, "quotactl": 179, "acct": 163, "settimeofday": 164, "clock_settime": 227,
        "name_to_handle_at": 303, "open_by_handle_at": 304, "shmget": 29, "shmat": 30, "shmctl": 31, "shmdt": 67,
        "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220, "msgget": 68, "msgsnd": 69, "msgrcv": 70,
        "msgctl": 71, "syslog": 103, "iopl": 172, "ioperm": 173, "vhangup": 153, "modify_ldt": 154, "uselib": 134,
        "mq_open": 240, "lookup_dcookie": 212, "sched_setattr": 314,
    },
    "aarch64": {
        "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "ptrace": 117,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "bpf": 280, "userfaultfd": 282,
        "perf_event_open": 241, "keyctl": 219, "add_key": 217, "request_key": 218, "init_module": 105,
        "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294, "reboot": 142,
        "swapon": 224, "swapoff": 225, "quotactl": 60, "acct": 89, "settimeofday": 170, "clock_settime": 112,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "shmget": 194, "shmctl": 195, "shmat": 196, "shmdt": 197,
        "semget": 190, "semctl": 191, "semtimedop": 192, "semop": 193, "msgget": 186, "msgctl": 187, "msgrcv": 188,
        "msgsnd": 189, "syslog": 116, "vhangup": 58, "mq_open": 180, "lookup_dcookie": 18,
        "sched_setattr": 274,
    },
}  # fmt: skip
_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET = {"x86_64": (41, 53), "aarch64": (198, 199)}
_CLONE = {"x86_64": 56, "aarch64": 220}
_IOCTL = {"x86_64": 16, "aarch64": 29}
_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020000
_AF_UNIX, _AF_INET, _AF_INET6, _SOCK_STREAM = 1, 2, 10, 1
_TIOCSTI = 0x5412

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW = 0x7FFF0000
_NR, _ARCHITECTURE, _ARG0, _ARG1 = 0, 4, 16, 24


def _refuse(number: int) -> int:
    return 0x00050000 | number


def available() -> bool:
    return kernel.LINUX and kernel.MACHINE in _ARCH


def program(machine: str) -> bytes:
    """The filter as BPF instructions for one architecture."""
    code: list[tuple[int, int, int, int]] = []

    def add(op: int, value: int, then: int = 0, otherwise: int = 0) -> None:
        code.append((op, then, otherwise, value))

    add(_LOAD, _ARCHITECTURE)
    add(_EQUAL, _ARCH[machine], 1, 0)
    add(_RETURN, _refuse(errno.EPERM))  # another calling convention has other numbers
    add(_LOAD, _NR)
    if machine == "x86_64":
        add(_AT_LEAST, 0x40000000, 0, 1)  # x32
        add(_RETURN, _refuse(errno.EPERM))
    for number in sorted({**_COMMON, **_DENIED[machine]}.values()):
        add(_EQUAL, number, 0, 1)
        add(_RETURN, _refuse(errno.EPERM))
    add(_EQUAL, _CLONE3, 0, 1)
    add(_RETURN, _refuse(errno.ENOSYS))
    socket, socketpair = _SOCKET[machine]
    add(_EQUAL, socket, 0, 5)
    add(_LOAD, _ARG0)
    add(_EQUAL, _AF_INET, 2, 0)
    add(_EQUAL, _AF_INET6, 1, 0)
    add(_RETURN, _refuse(errno.EAFNOSUPPORT))
    add(_RETURN, _ALLOW)
    add(_EQUAL, socketpair, 0, 6)
    add(_LOAD, _ARG0)
    add(_EQUAL, _AF_UNIX, 0, 3)
    add(_LOAD, _ARG1)
    add(_AND, 0xF)
    add(_EQUAL, _SOCK_STREAM, 5, 0)
    add(_RETURN, _refuse(errno.EPERM))
    add(_EQUAL, _CLONE[machine], 0, 3)
    add(_LOAD, _ARG0)
    add(_ANY_BIT, _NEW_NAMESPACES, 0, 1)
    add(_RETURN, _refuse(errno.EPERM))
    # Reached with the accumulator changed where an argument was looked at: no later number may match by accident.
    add(_LOAD, _NR)
    add(_EQUAL, _IOCTL[machine], 0, 3)
    add(_LOAD, _ARG1)
    add(_EQUAL, _TIOCSTI, 0, 1)
    add(_RETURN, _refuse(errno.EPERM))
    add(_RETURN, _ALLOW)
    return b"".join(struct.pack("HBBI", op, then, otherwise, value) for op, then, otherwise, value in code)


def install() -> None:
    """Needs no_new_privs. Does nothing where the architecture's numbers are not known (`available`)."""
    if not available():
        return
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(_HEAD))


# Made once, in the fork server.
_PROGRAM = program(kernel.MACHINE) if available() else b""
_HELD = ctypes.create_string_buffer(_PROGRAM)
_HEAD = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(_PROGRAM) // 8, ctypes.addressof(_HELD)))
