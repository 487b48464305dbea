"""The process that stands between the server and a tunnel program. A script, started by tunnel_program.py and of no
use to anyone else: `python tunnel_guard.py PROGRAM ARGUMENT…`.

Why a process of its own: whatever ends the server, kill -9 too, ends its standard input here, and then the program and
everything that it started is ended. The program gets a process group of its own, so that Ctrl+C in the operator's
terminal is for the server alone, and on Linux it dies even if this process is killed first.
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
    program = subprocess.Popen(  # noqa: S603  (what the operator has chosen)
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_us,  # noqa: PLW1509  (there is no other thread yet)
    )
    threading.Thread(target=_end_with_the_server, args=(program,), daemon=True).start()
    code = program.wait()
    _signal(program, signal.SIGKILL)  # what it left behind
    os._exit(code if 0 <= code < 256 else 1)


def _end_with_the_server(program: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    _signal(program, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(GRACE_S)
    _signal(program, signal.SIGKILL)
    os._exit(0)


def _signal(program: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)  # the group has its number, as long as one of it is there


def _die_with_us() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


if __name__ == "__main__":
    main()
