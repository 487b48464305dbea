"""Network namespaces and the wires between them, made for a test and gone behind it. Needs root, iproute2, nftables."""

import contextlib
import subprocess
from collections.abc import Iterable, Iterator


def run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr} (root, iproute2 and nftables are needed)"
    return done.stdout


@contextlib.contextmanager
def wired(spaces: Iterable[str], wires: Iterable[tuple[str, str, str, str]]) -> Iterator[None]:
    """New namespaces with wires between them: (left, its address/prefix, right, its address/prefix). The devices of
    wire N are called wNa at its left and wNb at its right."""
    made: list[str] = []
    try:
        for space in spaces:
            run("ip", "netns", "add", space)
            made.append(space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        for number, (left, left_at, right, right_at) in enumerate(wires):
            a, b = f"w{number}a", f"w{number}b"
            run("ip", "-n", left, "link", "add", a, "type", "veth", "peer", "name", b, "netns", right)
            for space, device, address in ((left, a, left_at), (right, b, right_at)):
                run("ip", "-n", space, "addr", "add", address, "dev", device)
                run("ip", "-n", space, "link", "set", device, "up")
        yield
    finally:
        for space in made:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=20, check=False)
