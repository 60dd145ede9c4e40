"""A small LAN in network namespaces of its own. No packet can leave it, and nothing of it can stay behind.

`enter` starts the program again as the first process of new namespaces for networks, processes and mounts. There is no
interface in there but those made here, so nothing is reachable; and when that process ends, however it ends, the kernel ends
every process in it and takes the networks away. Without root a user namespace is made as well, where the machine allows it.
"""

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import time

NET = "10.9.0."
BEYOND = "10.9.1."  # behind the gateway: every address of it answers, by the gateway
NAME_SERVER, SERVERS, CLIENTS, ATTACKERS = "gw", ["srv1", "srv2", "srv3"], ["cli1", "cli2", "cli3"], ["atk1", "atk2", "atk3", "atk4"]
NUMBERS = {"gw": 1, "srv1": 11, "srv2": 12, "srv3": 13, "cli1": 21, "cli2": 22, "cli3": 23,
           "atk1": 61, "atk2": 62, "atk3": 63, "atk4": 64}
IP = {host: f"{NET}{number}" for host, number in NUMBERS.items()}
MAC = {host: f"02:09:00:00:00:{number:02x}" for host, number in NUMBERS.items()}
MONITOR = "mon"
INSIDE = "FLOWSENTRY_LAB_INSIDE"


def wrapped():
    """The command before another that makes it the first process of namespaces of its own."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def allowed():
    """Whether this machine lets us make the namespaces, and an interface in them."""
    probe = [*wrapped(), "ip", "link", "add", "probe", "type", "veth", "peer", "name", "other"]
    try:
        return subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def enter(seconds_max):
    """Goes on inside, and at most so long: the first process ends then, and all with it."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = str(os.stat("/proc/self/ns/net").st_ino)
        os.execvp("unshare", [*wrapped(), sys.executable, *sys.argv])
    if os.environ[INSIDE] == str(os.stat("/proc/self/ns/net").st_ino) or os.getpid() != 1:
        raise SystemExit(f"{INSIDE} is set, but this is no network namespace of its own: unset it")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, lambda number, _: os._exit(128 + number))
    signal.alarm(seconds_max)


def is_host(host):
    """Whether this process runs on that host of the lab, and so can reach nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        try:
            found = fcntl.ioctl(link, 0x8927, struct.pack("256s", b"eth0"))  # SIOCGIFHWADDR
        except OSError:
            return False
    return ":".join(f"{octet:02x}" for octet in found[18:24]) == MAC.get(host)


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Network:
    """A bridge that floods like a hub, so that the monitor sees all of it as a sniffer at a mirror port does."""

    def __init__(self):
        self.holders = {}
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "br0", "type", "bridge", "ageing_time", "0")
        run("ip", "link", "set", "br0", "up")
        for host in [MONITOR, *NUMBERS]:
            self.plug(host)
        time.sleep(1)  # until the ports forward

    def plug(self, host):
        holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.holders[host] = holder.pid
        ours = os.stat("/proc/self/ns/net").st_ino
        while os.stat(f"/proc/{holder.pid}/ns/net").st_ino == ours:
            time.sleep(0.01)
        run("ip", "link", "add", f"p-{host}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        run("ip", "link", "set", f"p-{host}", "master", "br0", "up")
        inside = self.inside(host)
        run(*inside, "ip", "link", "set", "lo", "up")
        run(*inside, "ip", "link", "set", "eth0", "gso_max_segs", "1")  # frames as long as on a wire
        if host == MONITOR:
            run(*inside, "ip", "link", "set", "eth0", "promisc", "on", "up")
            return
        run(*inside, "ip", "link", "set", "eth0", "address", MAC[host])
        run(*inside, "ip", "addr", "add", IP[host] + "/24", "dev", "eth0")
        run(*inside, "ip", "link", "set", "eth0", "up")
        if host == NAME_SERVER:
            run(*inside, "ip", "route", "add", "local", BEYOND + "0/24", "dev", "lo")
        else:
            run(*inside, "ip", "route", "add", "default", "via", IP[NAME_SERVER])

    def inside(self, host):
        return ["nsenter", f"--net=/proc/{self.holders[host]}/ns/net", "--"]

    def start(self, host, *words):
        return subprocess.Popen([*self.inside(host), *words], stdin=subprocess.DEVNULL, start_new_session=True)

    @staticmethod
    def stop(processes):
        """With all that they started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 3
            while any(process.poll() is None for process in processes) and time.monotonic() < end:
                time.sleep(0.02)
