"""A mail server on the loopback that takes everything: `python -m config.bench.mailserver PORT FILE`.

The Message-ID of each mail it has taken is a line of FILE before its 250 is given.
"""

import asyncio
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP


class Notes:
    def __init__(self, path: Path) -> None:
        self.file = path.open("a", buffering=1)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the name it is called by
        print(message_from_bytes(envelope.content)["Message-ID"], file=self.file)
        return "250 OK"


async def serve(port: int, path: Path) -> None:
    notes = Notes(path)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(notes, hostname="localhost"), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
