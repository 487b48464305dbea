"""One program is both ends: it sends a folder, another client receives it, and both say what they see.

    python examples/send_and_receive.py http://127.0.0.1:5000 FOLDER INTO

The tests run it as it stands.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from burrowspace import Client, Finished, PathChanged, Progress, Ready


async def main(server: str, folder: Path, into: Path) -> None:
    with tempfile.TemporaryDirectory() as state:  # two devices on one machine: each has a memory of its own
        async with Client(server, state=Path(state) / "one") as one, Client(state=Path(state) / "two") as two:
            sending = one.send([folder], with_code=False)
            receiving = None
            async for event in sending:
                match event:
                    case Ready(link=link):
                        print(f"whoever has this link has the folder: {link}")
                        receiving = two.receive(link, into)
                    case PathChanged(path=path, peer=peer):
                        print(f"it goes by {path} {peer}")
                    case Progress(done=done, total=total):
                        print(f"{done} of {total} bytes")
            assert receiving is not None
            finished: Finished = await receiving
            print(f"verified: {finished.verified}, written to {', '.join(finished.places)}")


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)  # a folder that is there takes what comes into it
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
