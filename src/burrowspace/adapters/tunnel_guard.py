"""The process that stands between the server and a tunnel program. A script, started by tunnel_program.py and of no
use to anyone else: `python tunnel_guard.py PROGRAM ARGUMENT…`.

Why a process of its own: whatever ends the server, kill -9 too, ends its standard input here, and then the program and
everything that it started is ended. The program gets a process group of its own, so that Ctrl+C in the operator's
terminal is for the server alone, and on Linux it dies even if this process is killed first. Windows has no groups to
be ended: its `taskkill` ends a program and what that started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import NoReturn

GRACE_S = 0.3  # between the request to end and the end
DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


def main() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = _started()
    threading.Thread(target=_end_with_the_server, args=(program,), daemon=True).start()
    code = program.wait()
    _kill(program)  # what it left behind
    os._exit(code if 0 <= code < 256 else 1)


def _end_with_the_server(program: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    if sys.platform != "win32":
        _signal(program, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(GRACE_S)
    _kill(program)
    os._exit(0)


def _started() -> "subprocess.Popen[bytes]":
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, creationflags=flags)  # noqa: S603
    return subprocess.Popen(  # noqa: S603  (what the operator has chosen)
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_us,  # noqa: PLW1509  (there is no other thread yet)
    )


def _kill(program: "subprocess.Popen[bytes]") -> None:
    """It and all that it started."""
    if sys.platform == "win32":
        order = ["taskkill", "/T", "/F", "/PID", str(program.pid)]
        subprocess.run(order, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603
    else:
        _signal(program, signal.SIGKILL)


def _signal(program: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)  # the group has its number, as long as one of it is there


def _die_with_us() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


if __name__ == "__main__":
    main()
