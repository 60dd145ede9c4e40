"""What honest hosts of the lab do: `people.py NAME SECONDS SEED`. Some of it looks like an attack and is none."""

import os
import random
import socket
import struct
import sys
import time

from attacks import Pace, segment, ip_packet, raw
from network import IP, MAC, SERVERS
from protocols import GOOD_USER, LOGINS, http_form, http_request


def fetch(link, path):
    """One page, whole."""
    link.sendall(http_request(b"GET", path))
    head = b""
    while b"\r\n\r\n" not in head:
        part = link.recv(65536)
        if not part:
            return
        head += part
    head, content = head.split(b"\r\n\r\n", 1)
    left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(content)
    while left > 0:
        part = link.recv(65536)
        if not part:
            return
        left -= len(part)


def browse(pace, me):
    """Pages with their pictures, over a few connections, and time to read."""
    for _ in pace(2.5, jitter=0.9):
        server = IP[random.choice(SERVERS)]
        ask("www%d" % random.randrange(60))
        for _ in range(random.randint(1, 4)):
            with socket.create_connection((server, random.choice([80, 8080])), 3) as link:
                for number in range(random.randint(1, 6)):
                    fetch(link, b"/o%d" % number)


def ask(name, kind=1, server="gw"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(0.3)
        labels = b"".join(bytes([len(label)]) + label.encode() for label in (name, "example", "lab")) + b"\0"
        link.sendto(struct.pack("!HHHHHH", random.randrange(65536), 0x0100, 1, 0, 0, 0) + labels + struct.pack("!HH", kind, 1), (IP[server], 53))
        link.recv(2000)


def lookups(pace, me):
    """A resolver's day: many names, of several kinds."""
    for _ in pace(random.choice([0.05, 0.3, 1.0]), jitter=0.9):
        ask("www%d" % random.randrange(80), random.choice([1, 1, 28, 15, 16]))


def clock(pace, me):
    """NTP from port 123, and an echo to each server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("", 123))
        link.settimeout(0.3)
        out = raw()
        for _ in pace(3, jitter=0.5):
            link.sendto(b"\x23" + bytes(47), (IP["gw"], 123))
            link.recv(100)
            for server in SERVERS:
                out.sendto(ip_packet(me, IP[server], *segment("icmp", me, IP[server], 0, 56)), (IP[server], 0))


def checks(pace, me):
    """A monitor: short connections to the same few ports, for ever."""
    for _ in pace(1.0, jitter=0.2):
        for server in SERVERS:
            for port in (80, 8080, 22, 21, 3306, 6379):
                socket.create_connection((IP[server], port), 1).close()


def session(pace, me):
    """A login that succeeds, sometimes at the second try, and work after it."""
    for number in pace(4, jitter=0.5):
        protocol = LOGINS[random.choice(["ssh", "ssh", "ftp", "telnet", "imap"])]
        with socket.create_connection((IP[random.choice(SERVERS)], protocol.port), 2) as link:
            if protocol.greeting():
                link.recv(4096)
            tries = [(b"stuff", b"mistyped")] * (number % 3 == 2) + [(GOOD_USER, b"right")]
            for user, password in tries:
                for question, _ in protocol.steps if user == tries[0][0] else protocol.steps[protocol.again:]:
                    link.sendall(question(user, password) if protocol.port != 22 else question() + GOOD_USER * (user == GOOD_USER))
                    link.recv(4096)
            for _ in range(random.randint(3, 20)):
                link.sendall(os.urandom(random.randint(20, 200)))
                link.recv(4096)
                time.sleep(random.uniform(0.02, 0.3))


def load(pace, me):
    """A load test and a form that is sent once: many requests, all answered."""
    with socket.create_connection((IP["srv3"], 8080), 2) as link:
        for _ in pace(0.05, 400):
            fetch(link, b"/api")
    with socket.create_connection((IP["srv3"], 8080), 2) as link:
        link.sendall(http_form(b"someone", b"mistyped"))
        link.recv(4096)


def owner(pace, me):
    """Gratuitous ARP of an address by who owns it, as at every start of an interface."""
    host = next(name for name, address in IP.items() if address == me)
    ours = bytes.fromhex(MAC[host].replace(":", ""))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("eth0", 0))
        for number in pace(7, jitter=0.5):
            kind = (1 + number % 2).to_bytes(2, "big")
            claim = ours + socket.inet_aton(me) + bytes(6) + socket.inet_aton(me)
            out.send(b"\xff" * 6 + ours + b"\x08\x06\0\1\x08\0\6\4" + kind + claim)


HABITS = [browse, lookups, clock, checks, session, load, owner]


def main(name, seconds, seed, host):
    random.seed(int(seed))
    pace = Pace(float(seconds))
    habit = {habit.__name__: habit for habit in HABITS}[name]
    while pace.left() > 0.5:
        try:
            habit(pace, IP[host])
            return
        except (OSError, IndexError, ValueError):
            time.sleep(0.3)  # a server that is flooded does not answer: people try again


main(*sys.argv[1:])
