"""The allocator of the C library keeps the memory of one large message for the next."""

import platform
import subprocess
import sys
import textwrap

import pytest

from burrowspace.system.heap import tune_heap

CHURN = """
    import resource
    from burrowspace.system.heap import tune_heap
    {tune}
    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    before = faults()
    for _ in range(50):
        relayed = [bytearray(256 * 1024) for _ in range(8)]
        del relayed
    print(faults() - before)
"""


def faults(tune: str) -> int:
    program = textwrap.dedent(CHURN.format(tune=tune))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc")
def test_large_blocks_are_not_mapped_anew_each_time():
    assert faults("assert tune_heap()") < 1_000  # 2 MiB, once: 512 pages
    assert faults("assert tune_heap") > 10_000  # 2 MiB each time


def test_a_system_without_mallopt_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch):
    for libc in (object(), None):  # musl; macOS and Windows
        monkeypatch.setattr("burrowspace.system.libc.LINUX_LIBC", libc)
        assert not tune_heap()
