#!/usr/bin/env python3
"""Record labelled attacks and ordinary traffic on this machine, in network namespaces that no packet leaves.

    record.py DIRECTORY                             everything, 60 seconds each
    record.py DIRECTORY sweep-udp guess-ssh         these; --list tells which there are
    record.py DIRECTORY --own "Port Scanning" "nmap -sS {srv1}"    a tool of yours, run by an attacker of the lab

DIRECTORY becomes what `flowsentry train --data` and `evaluate --data` read: packets/ID.parquet, captures.json, splits.json;
beside them pcap/ID.pcap, and in captures.json the rules by which packets are labelled. Record into the same directory again
with another --seed and --split, and it holds both. Needs Linux, iproute2, util-linux and pyarrow; root, or user namespaces.
"""

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import time

import network
import plan

HERE = os.path.dirname(os.path.abspath(__file__))
FRAMES_MAX = 200_000
OCTETS_A_FRAME = 400  # headers and the question of a DNS packet
SETTLE = 1.0
GRACE = 30  # seconds a recording may take beyond its own, on a busy machine
NOT_PERMITTED = 77


def program(name, *words):
    return [sys.executable, os.path.join(HERE, name), *map(str, words)]


def serve(net):
    return [net.start(host, *program("services.py", role)) for host, role in
            [*((host, "servers") for host in network.SERVERS), ("gw", "names"), ("atk1", "control")]]


def attack(net, seconds, host, name, options):
    if name is None:
        return net.start(host, *shlex.split(options.format(**network.IP)))
    options = [f"{key}={value}" for key, value in {**options, "me": host}.items()]
    return net.start(host, *program("attacks.py", name, seconds, random.randrange(1 << 30), *options))


def record(net, what, seconds, path):
    """One capture: services and honest hosts first, then the attack, until the time is up. Returns what failed of it."""
    running = serve(net)
    try:
        time.sleep(SETTLE)
        sniffer = net.start(network.MONITOR, *program("capture.py", path, seconds + GRACE, FRAMES_MAX, OCTETS_A_FRAME))
        running.append(sniffer)
        time.sleep(SETTLE)
        for host, habit in plan.habits():
            running.append(net.start(host, *program("people.py", habit, seconds, random.randrange(1 << 30), host)))
        begun = time.monotonic()
        running += [attack(net, seconds, *each) for each in what.attacks]
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
        return [shlex.join(it.args) for it in running if it.poll() and sys.executable in it.args]
    finally:
        net.stop(running)


def add(directory, split, capture):
    """Enters a capture into captures.json and splits.json."""
    def change(name, empty, edit):
        path = os.path.join(directory, name)
        content = empty
        if os.path.exists(path):
            with open(path) as file:
                content = json.load(file)
        with open(path + ".new", "w") as file:
            json.dump(edit(content), file, indent=1)
        os.replace(path + ".new", path)
    identity = capture["id"]
    change("captures.json", [], lambda captures: [it for it in captures if it["id"] != identity] + [capture])
    def enter(splits):
        splits = {name: [it for it in ids if it != identity] for name, ids in splits.items()}
        splits[split].append(identity)
        return splits
    change("splits.json", {"train": [], "validation": [], "test": []}, enter)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?")
    parser.add_argument("names", nargs="*", help="which recordings; all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="of each recording, 3 to 900")
    parser.add_argument("--seed", type=int, default=1, help="of rates, sizes and targets, and part of the names")
    parser.add_argument("--split", choices=["train", "validation", "test"], default="train", help="which the captures go to")
    parser.add_argument("--own", nargs=2, action="append", default=[], metavar=("LABEL", "COMMAND"))
    parser.add_argument("--list", action="store_true", help="names of the recordings")
    chosen = parser.parse_intermixed_args()
    if not (3 <= chosen.seconds <= 900):
        parser.error("--seconds must be 3 to 900")
    for label, _ in chosen.own:
        if label not in plan.LABELS:
            parser.error(f"{label} is no label; these are: {', '.join(plan.LABELS)}")
    return parser, chosen


def main():
    parser, chosen = arguments()
    random.seed(chosen.seed)
    plans = plan.plans()
    if chosen.list:
        print("\n".join(f"{name:16} {it.label}" for name, it in plans.items()))
        return
    unknown = [name for name in chosen.names if name not in plans]
    if not chosen.directory or unknown:
        parser.error(f"no such recording: {', '.join(unknown)}; --list tells which there are" if unknown else "name a directory")
    wanted = {name: plans[name] for name in chosen.names or (plans if not chosen.own else [])}
    wanted.update({f"own-{number}": plan.own(label, command) for number, (label, command) in enumerate(chosen.own, 1)})
    if network.INSIDE not in os.environ and not network.allowed():
        print("network namespaces are not permitted here: run as root, or allow user namespaces", file=sys.stderr)
        raise SystemExit(NOT_PERMITTED)
    try:
        import rows  # here: what is missing is missed before anything is recorded
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error}: `make lab` fetches it, or pip install -r {HERE}/requirements.txt")
    network.enter((chosen.seconds + GRACE) * len(wanted) + 60)
    directory = os.path.abspath(chosen.directory)
    for part in ("pcap", "packets"):
        os.makedirs(os.path.join(directory, part), exist_ok=True)
    net, left_out = network.Network(), []
    for name, what in wanted.items():
        identity = f"lab-{chosen.seed}-{name}"
        pcap, packets = (os.path.join(directory, kind, f"{identity}.{end}") for kind, end in (("pcap", "pcap"), ("packets", "parquet")))
        failed = record(net, what, chosen.seconds, pcap)
        counts = rows.convert(pcap, what.rules, packets)
        print(f"{identity:32}", ", ".join(f"{count} {label}" for label, count in sorted(counts.items())), flush=True)
        if failed or not counts.get(what.label):
            left_out.append(identity)
            print(f"left out: {identity}: " + ("; ".join(failed) or f"no packet of {what.label} was seen"), file=sys.stderr)
            continue
        add(directory, chosen.split, {"id": identity, "class": what.label, "licence": "your own", "rules": what.rules})
    if left_out:
        raise SystemExit(f"{len(left_out)} of {len(wanted)} recordings failed and are not in captures.json: {', '.join(left_out)}")


if __name__ == "__main__":
    main()
