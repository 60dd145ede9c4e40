"""What one host of the lab serves: `services.py servers | names | control`. It serves until it is ended."""

import asyncio
import os
import random
import socket
import sys

from protocols import GOOD_USER, HTTP_PORTS, LOGINS

PATIENCE = 30  # seconds that a server waits for the rest of a request


async def http(reader, writer):
    """Pages of 200 octets to 60 KB; /login and /admin/ refuse whoever asks."""
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            await body(head, reader)
            refused = b"/login" in head.split(b"\r\n")[0] or b"/admin" in head.split(b"\r\n")[0]
            content = b"refused" if refused else os.urandom(min(60_000, int(random.lognormvariate(8.5, 1.2)) + 200))
            status = b"401 Unauthorized" if refused else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nServer: lab\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
            await asyncio.wait_for(writer.drain(), PATIENCE)
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def body(head, reader):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await asyncio.wait_for(reader.readexactly(min(int(line[15:]), 1 << 20)), PATIENCE)


def login(protocol):
    """Refuses everyone but staff, to whom it then talks."""
    async def serve(reader, writer):
        try:
            writer.write(protocol.greeting())
            tries, step, known = 0, 0, False
            while said := await asyncio.wait_for(reader.read(4096), PATIENCE):
                known = known or GOOD_USER in said
                if step == len(protocol.steps) and known:
                    writer.write(os.urandom(random.randint(40, 1400)))
                    continue
                writer.write(protocol.steps[step][1]())
                step += 1
                if step == len(protocol.steps) and not known:
                    tries, step = tries + 1, protocol.again
                    if tries >= protocol.refused_after:
                        break
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()
    return serve


async def echo(reader, writer):
    """A command server: a short order for each call."""
    try:
        while await asyncio.wait_for(reader.read(4096), 4 * PATIENCE):
            writer.write(os.urandom(120))
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        writer.close()


class Names(asyncio.DatagramProtocol):
    """DNS: an address for every name, a long text for a question of TXT."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if len(data) < 17:
            return
        question = data[12:data.index(b"\0", 12) + 5] if b"\0" in data[12:] else b""
        kind = int.from_bytes(question[-4:-2], "big")
        if kind == 16:
            text = os.urandom(90).hex().encode()
            answer = b"\xc0\x0c\0\x10\0\1\0\0\0\0" + (len(text) + 1).to_bytes(2, "big") + bytes([len(text)]) + text
        else:
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("10.9.0.11")
        self.transport.sendto(data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + answer, address)


class Time(asyncio.DatagramProtocol):
    """NTP."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(b"\x24\x02" + bytes(46), address)


async def main(role):
    loop, listeners = asyncio.get_running_loop(), []
    if role == "servers":
        listeners = [(http, port) for port in HTTP_PORTS] + [(login(it), it.port) for it in LOGINS.values()]
    elif role == "names":
        for protocol, port in ((Names, 53), (Time, 123)):
            await loop.create_datagram_endpoint(protocol, local_addr=("0.0.0.0", port))
    elif role == "control":
        listeners = [(echo, 443), (echo, 8443)]
    for serve, port in listeners:
        await asyncio.start_server(serve, "0.0.0.0", port, backlog=256)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
