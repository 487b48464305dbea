"""One end of a punch, as a process of its own: `python -m tests.client.punch_end sender|receiver OWN-PORT HOST PORT`.

Says `ok` and the kind of link once twenty blocks have passed.
"""

import asyncio
import sys

from burrowspace.client.links.link_punch import Punch
from tests.client.links import BLOCK, RECEIVER, SENDER, Blocks, Taker


async def main(role: str, own_port: str, host: str, port: str) -> None:
    ticket = SENDER if role == "sender" else RECEIVER
    link = await Punch(int(own_port)).link([(host, int(port))], ticket)
    if ticket.sender:
        link.serve(Blocks(20, BLOCK).seal)
        await link.closed()
    else:
        taker = Taker(20)
        link.pull(taker.take, 0, 20)
        await taker.reaches(20)
        link.close()
        await link.closed()
    print("ok", link.kind, link.peer, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
