"""All benchmarks, one after the other: `python -m bench [--quick] [--write] ...`."""

from __future__ import annotations

import sys

from bench import bulk, hostile, idle, relay_chunk, relays, signalling, tls
from bench.common import BenchError, parser


def main() -> int:
    parser(__doc__).parse_args()
    failed = []
    for benchmark in (signalling, relay_chunk, idle, bulk, relays, hostile, tls):
        print(f"\n{benchmark.__name__}", flush=True)
        try:
            benchmark.main(sys.argv[1:])
        except BenchError as error:
            print(f"  void: {error}", file=sys.stderr)
            failed.append(benchmark.__name__)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
