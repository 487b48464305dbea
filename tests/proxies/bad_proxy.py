"""`python bad_proxy.py PORT HOW`: a proxy that says nothing (silent), hangs up (closes), or answers HOW, a status."""

import asyncio
import sys


async def main(port: int, how: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if how == "closes":
            writer.close()
            return
        try:
            await reader.readuntil(b"\r\n\r\n")
            if how == "silent":
                await reader.read()
            else:
                page = b"<html>no</html>"
                head = f"HTTP/1.1 {how} No\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
                writer.write(head.encode() + page)
        except (OSError, EOFError):
            pass
        writer.close()

    async with await asyncio.start_server(serve, "0.0.0.0", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
