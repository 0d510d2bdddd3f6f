"""A process → the same process with nothing left to reach: no files, no network, little memory and time.

Landlock, rlimits and no-new-privileges through ctypes. Standard library only, for it is loaded into a bare child.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # one number on every architecture since Linux 5.13
_VERSION_FLAG = 1
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SIGKILL = 9

# Access rights that exist, by Landlock ABI (linux/landlock.h): handling a right without a rule denies it everywhere.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_RIGHTS = 0b11  # bind, connect; ABI 4
_SCOPES = 0b11  # abstract UNIX sockets, signals; ABI 6


def status() -> str:
    """`landlock` where this kernel confines children, else `unconfined: <why>`."""
    _, why = _abi()
    return f"unconfined: {why}" if why else "landlock"


def confine(*, cpu_seconds: int, memory_bytes: int) -> str:
    """Confine this process for good; returns what `status` says of the result.

    Import everything first: afterwards no file opens. Descriptors 0 to 2 stay, and no further one can be made, which
    also closes UDP and other sockets that Landlock leaves alone.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    result = _landlock(libc) if libc is not None else status()
    refused = _limit(cpu_seconds, memory_bytes)
    if refused and result == "landlock":
        return f"unconfined: the system refused limits ({', '.join(refused)})"
    return result


def _abi() -> tuple[int, str]:
    """Return the kernel's Landlock ABI, or 0 and the reason."""
    if sys.platform != "linux":
        return 0, f"{sys.platform} has no Landlock"
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    if abi < 1:
        return 0, f"the kernel offers no Landlock ({os.strerror(ctypes.get_errno())})"
    return abi, ""


def _landlock(libc: ctypes.CDLL) -> str:
    abi, why = _abi()
    if why:
        return f"unconfined: {why}"
    files = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= abi)]
    fields = [files]
    if abi >= 4:
        fields.append(_TCP_RIGHTS)
    if abi >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return f"unconfined: Landlock refused its rules ({os.strerror(ctypes.get_errno())})"
    try:
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return "unconfined: no-new-privileges was refused"
        if libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) != 0:
            return f"unconfined: Landlock was refused ({os.strerror(ctypes.get_errno())})"
    finally:
        os.close(ruleset)
    return "landlock"


def _limit(cpu_seconds: int, memory_bytes: int) -> tuple[str, ...]:
    """Set the rlimits; returns what the system refused (macOS knows some only by name, Windows has none)."""
    if resource is None:
        return ("all",)
    limits = {
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NPROC": 0,
        "RLIMIT_NOFILE": 3,
    }
    refused = []
    for name, value in limits.items():
        try:
            kind = getattr(resource, name)
            _, hard = resource.getrlimit(kind)
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (ceiling, ceiling))
        except (AttributeError, ValueError, OSError):
            refused.append(name)
    return tuple(refused)
