"""What there is to record: of each recording its label, who attacks how, and by which rule its packets are labelled.

Rates, sizes and targets are drawn by the seed, so that another seed records other attacks of the same kind.
"""

import random

from network import ATTACKERS, BEYOND, CLIENTS, IP, MAC, NET, SERVERS
from protocols import LOGINS

LABELS = ["Normal", "DDoS", "Port Scanning", "Brute Force", "ARP Poisoning", "Slowloris", "DNS Tunnel", "C2 Beacon"]
HONEST = ["browse", "lookups", "clock", "checks", "session", "load", "owner"]
SPOOFED = "172.20."  # the beginning of made-up sources


class Plan:
    """`attacks` are (host, attack, options)."""

    def __init__(self, label, attacks, rules=None):
        self.label, self.attacks = label, attacks
        both = {"from": [IP[host] for host in ATTACKERS], "to": [NET + "0/24", BEYOND + "0/24"]}
        self.rules = [] if label == "Normal" else rules or [{"label": label, **both}]


def draw(low, high):
    """Between both, as likely in each doubling: a rate of 2 is as likely as one of 200."""
    return f"{low * (high / low) ** random.random():.3g}"


def floods():
    rule = {"label": "DDoS", "from": [IP[host] for host in ATTACKERS] + [SPOOFED + "0.0/16"], "to": [IP[host] for host in SERVERS]}
    one = lambda host, kind, **more: (host, "flood", {"kind": kind, "target": random.choice(SERVERS), "rate": draw(30, 1500), **more})
    spoof = random.choice([SPOOFED, SPOOFED + "7."])
    yield "flood-syn", Plan("DDoS", [one("atk1", "syn", port=80), one("atk2", "syn", port=22), one("atk3", "syn", spoof=spoof)], [rule])
    yield "flood-udp", Plan("DDoS", [one("atk1", "udp", port=53, length=300), one("atk2", "udp", port=9, length=1200),
                                     one("atk3", "udp", spoof=spoof, length=60)], [rule])
    yield "flood-icmp", Plan("DDoS", [one("atk1", "icmp", length=56), one("atk2", "icmp", length=1200), one("atk3", "icmp", spoof=spoof)], [rule])
    yield "flood-ack", Plan("DDoS", [one("atk1", "ack", port=443), one("atk2", "synack", port=80), one("atk3", "ack", spoof=spoof)], [rule])
    web = [(host, "web_flood", {"target": "srv1", "rate": draw(2, 200), "connections": draw(2, 60).split(".")[0]}) for host in ATTACKERS]
    yield "flood-web", Plan("DDoS", web, [rule])


def scans():
    for kind in ("syn", "udp", "icmp", "ack"):
        ports = "22" if kind == "icmp" else random.choice(["22", "443-445", "3389", "8000-8003"])
        wide = [("atk1", "sweep", {"kind": kind, "hosts": "1-60", "ports": ports, "rate": draw(2, 100)}),
                ("atk2", "sweep", {"kind": kind, "beyond": 1, "hosts": "1-250", "ports": ports, "rate": draw(2, 100)})]
        tall = [("atk3", "sweep", {"kind": kind, "hosts": "11-13", "ports": "1-1000", "rate": draw(5, 200)})] if kind != "icmp" else []
        yield f"sweep-{kind}", Plan("Port Scanning", wide + tall)
    connect = [(host, "connect_scan", {"target": target, "rate": draw(3, 200)}) for host, target in zip(ATTACKERS, SERVERS)]
    quiet = ("atk4", "sweep", {"kind": random.choice(["fin", "null", "xmas"]), "hosts": "11-13", "ports": "1-500", "rate": draw(5, 80)})
    yield "scan-connect", Plan("Port Scanning", [*connect, quiet])


def guesses():
    for protocol in [*LOGINS, "http-form", "http-basic"]:
        attacks = [(host, "guess", {"protocol": protocol, "target": random.choice(SERVERS), "rate": draw(0.5, 20), "threads": random.randint(1, 4)})
                   for host in ATTACKERS[:3]]
        yield f"guess-{protocol}", Plan("Brute Force", attacks)


def slow_webs():
    attacks = [(host, "slow", {"kind": kind, "target": target, "connections": random.randint(15, 120), "gap": draw(2, 12)})
               for host, kind, target in zip(ATTACKERS, ("headers", "body", "read"), SERVERS)]
    yield "slow-web", Plan("Slowloris", attacks)


def poisonings():
    for name, claims, victims, gap, gratuitous in (("both-ways", "gw,cli1", "cli1,gw", draw(0.5, 10), 0.0), ("one-way", "gw", "cli2", draw(0.5, 10), 0.2),
                                                   ("many", "gw,srv1,srv2,cli1", "cli3,cli2", draw(0.1, 2), 0.6)):
        rule = {"label": "ARP Poisoning", "macs": [MAC["atk1"]], "claims": [IP[host] for host in set(claims.split(",") + victims.split(","))]}
        yield f"arp-{name}", Plan("ARP Poisoning", [("atk1", "arp_poison", {"claims": claims, "victims": victims, "gap": gap, "gratuitous": gratuitous})], [rule])


def quiet_channels():
    tunnel = {"label": "DNS Tunnel", "from": [IP[host] for host in ATTACKERS], "to": [IP["gw"]], "protocol": "UDP", "ports": [53]}
    yield "dns-tunnel", Plan("DNS Tunnel", [(host, "dns_tunnel", {"rate": draw(1, 40), "length": random.randint(40, 170), "kind": kind})
                                            for host, kind in zip(ATTACKERS, (16, 1, 16))], [tunnel])
    calls = {"label": "C2 Beacon", "from": [IP[host] for host in CLIENTS], "to": [IP["atk1"]]}
    yield "beacon", Plan("C2 Beacon", [("cli1", "beacon", {"server": "atk1", "gap": draw(2, 12)}),
                                       ("cli2", "beacon", {"server": "atk1", "port": 443, "kept": 1, "gap": draw(2, 8), "length": 60}),
                                       ("cli3", "beacon", {"server": "atk1", "port": 4444, "protocol": "udp", "gap": draw(3, 12), "length": 90})], [calls])


def plans():
    """All recordings by name."""
    named = {f"benign-{number}": Plan("Normal", []) for number in (1, 2)}
    for group in (floods, scans, guesses, slow_webs, poisonings, quiet_channels):
        named.update(group())
    return named


def own(label, command):
    """A tool of your own, run by an attacker."""
    return Plan(label, [("atk1", None, command)])


def habits():
    """Who does what beside the attack."""
    chosen = random.sample(HONEST, 5)
    return [(CLIENTS[number % len(CLIENTS)], habit) for number, habit in enumerate(chosen)]
