"""Sends what you name and shows how far it is.

    python examples/watch_a_transfer.py http://127.0.0.1:5000 FILE…

docs/guide/sdk.md shows it.
"""

import asyncio
import sys

from burrowspace import Cancelled, Client, Finished, Progress, Ready


async def main(server: str, *paths: str) -> None:
    async with Client(server) as client:
        try:
            async for event in client.send(paths):
                match event:
                    case Ready(code=code, link=link):
                        print(f"the code is {code}, the link is {link}")
                    case Progress(done=done, total=total):
                        print(f"{done} of {total} bytes")
                    case Finished(seconds=seconds):
                        print(f"received and verified after {seconds:.1f} s")
        except Cancelled as error:
            print(f"it was not received: {error.sentence}")


asyncio.run(main(*sys.argv[1:]))
