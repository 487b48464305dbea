"""What the doctor finds, as a process of its own: `python -m tests.client.doctor_end URL`.

At each line on stdin it looks again, and says its findings as one line of JSON.
"""

import asyncio
import json
import sys

from burrowspace.doctor.examine import Examination, Pace


async def look(url: str) -> list[dict[str, object]]:
    examination = Examination(lambda finding: None, pace=Pace(0.1, 0.1))
    await examination.server(url)
    return [
        {"check": each.check, "verdict": each.verdict, "found": each.found, "todo": each.todo, "facts": {**each.facts}}
        for each in examination.findings
    ]


if __name__ == "__main__":
    for _ in sys.stdin:
        print(json.dumps(asyncio.run(look(sys.argv[1]))), flush=True)
