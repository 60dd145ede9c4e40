"""Runs the binary of a mounted image as a container engine would, against the PostgreSQL of DATABASE_URL, and measures.

    image-trial.py ROOT INSPECTED ARCHIVE [TABLE]

Each command runs as process 1 of its own namespaces, with the image's root read-only, as the image's user without a single
capability and without a way to get one, and the service in MEMORY_MAX. What an engine adds, and this does not: seccomp, a
network namespace, other cgroups.
"""

import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# Not the usual port: another service may run on this machine.
with socket.create_server(("127.0.0.1", 0)) as free:
    ADDRESS = f"127.0.0.1:{free.getsockname()[1]}"
STARTS = 7
DEADLINE = 60.0
# A sixth of what compose.yaml and the chart allow.
MEMORY_MAX = 128
CAPTURES = pathlib.Path("src/sandbox/captures")
ORDER = ["office", "web", "port_scan", "ssh_brute_force", "busy", "syn_flood", "spoofed_syn_flood", "arp_spoofing"]

# Mounts are private to it. The root is bound to a place that its user may reach, then read-only with all below it.
INSIDE = r"""
set -eu
root=$1 place=$2 captures=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$place"
mount -o remount,bind,ro,nosuid,nodev "$place"
mount -t proc -o nosuid,nodev,noexec proc "$place/proc"
mount -t tmpfs -o size=4k,mode=755 none "$place/dev"
mkdir "$place/dev/captures"
mount --bind "$captures" "$place/dev/captures"
mount -o remount,bind,ro "$place/dev/captures"
touch "$place/dev/null"
mount --bind /dev/null "$place/dev/null"
mount -o remount,ro "$place/dev"
exec python3 -c '
import ctypes, json, os, sys
place, user, directory, variables, *command = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def prctl(*arguments):
    if libc.prctl(*arguments, *[0] * (5 - len(arguments))) != 0: raise OSError(ctypes.get_errno(), "prctl")
os.chroot(place); os.chdir(directory)
for capability in range(int(open("/proc/sys/kernel/cap_last_cap").read()) + 1): prctl(24, capability)
os.setgroups([]); os.setresgid(user := int(user), user, user); os.setresuid(user, user, user)
prctl(38, 1)
# Who changes its user no longer ends with its parent, unless it says so again.
prctl(1, 9)
os.execve(command[0], command, json.loads(variables))
' "$place" "$@"
"""


class Image:
    """The image: its settings, and commands run in it."""

    def __init__(self, root, inspected):
        self.root = root
        self.config = json.load(open(inspected))["Docker"]["config"]
        self.place = pathlib.Path("/var/tmp") / f"flowsentry-image-root-{os.getpid()}"
        self.variables = dict(line.split("=", 1) for line in self.config["Env"])
        self.limit = Limit()
        self.started = []

    def start(self, arguments, **streams):
        user = self.config["User"].split(":")[0]
        variables = self.variables | {
            "DATABASE_URL": os.environ["DATABASE_URL"],
            "FLOWSENTRY__HTTP__LISTEN": ADDRESS.replace("127.0.0.1", "0.0.0.0"),
        }
        command = [*self.config["Entrypoint"], *arguments]
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", INSIDE, "sh",
             self.root, str(self.place), str(CAPTURES), user, self.config["WorkingDir"], json.dumps(variables), *command],
            **streams)
        self.started.append(process)
        return process

    def end(self):
        """Nothing of it stays, whatever went wrong: what is in its namespaces ends with it."""
        for process in self.started:
            for inner in children(process) or [process.pid]:
                if process.poll() is None:
                    os.kill(inner, signal.SIGKILL)
            process.wait()
        self.place.rmdir()
        self.limit.remove()

    def run(self, *arguments, code=0):
        done = self.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, error = done.communicate(timeout=600)
        expect(done.returncode == code, f"{arguments} exits with {code}", f"{done.returncode}: {out}{error}")
        return out + error


class Limit:
    """A control group with so much memory, page cache included; none, aloud, where none can be made."""

    def __init__(self):
        group = f"flowsentry-image-{os.getpid()}"
        self.place = None
        for parent, name in [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]:
            place = pathlib.Path(parent, group)
            try:
                place.mkdir()
                (place / name).write_text(str(MEMORY_MAX * 2**20))
                self.place = place
                return
            except OSError:
                if place.is_dir():
                    place.rmdir()
        print("image-trial: SKIPPED: no control group can be made, so nothing limits memory")

    def enter(self):
        if self.place:
            (self.place / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        deadline = time.monotonic() + DEADLINE
        while self.place and self.place.is_dir():
            try:
                self.place.rmdir()
            except OSError:  # its last process is about to end
                expect(time.monotonic() < deadline, "the control group is left", self.place)
                time.sleep(0.05)


class Service:
    """The image's own command, run until it is told to stop."""

    def __init__(self, image):
        self.began = time.monotonic()
        self.log = tempfile.NamedTemporaryFile("w")
        self.outer = image.start(image.config["Cmd"], stderr=self.log, preexec_fn=image.limit.enter)
        self.pid = None

    def until_ready(self):
        """Seconds from the start of its namespaces to the first answer of 200."""
        while ask("/readyz") != 200:
            expect(self.outer.poll() is None, "the service runs", open(self.log.name).read())
            expect(time.monotonic() - self.began < DEADLINE, "it is ready in time", open(self.log.name).read())
            time.sleep(0.002)
        took = time.monotonic() - self.began
        self.pid = children(self.outer)[0]
        return took

    def status(self, name):
        return next(line.split(":", 1)[1].strip() for line in open(f"/proc/{self.pid}/status") if line.startswith(name + ":"))

    def mebibytes(self, name):
        return int(self.status(name).split()[0]) / 1024

    def stop(self):
        """Seconds from its stop signal to its end."""
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        code = self.outer.wait(timeout=DEADLINE)
        expect(code == 0, "it ends with 0 when told to", f"{code}: {open(self.log.name).read()}")
        return time.monotonic() - began


def children(process):
    """Process ids as they are outside of all namespaces."""
    try:
        return [int(word) for word in open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()]
    except OSError:
        return []


def expect(holds, what, found=""):
    if not holds:
        sys.exit(f"image-trial: NOT SHOWN: {what}: {found}")


def ask(path):
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}{path}", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def metric(name):
    with urllib.request.urlopen(f"http://{ADDRESS}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


def number(sql):
    done = subprocess.run(["psql", os.environ["DATABASE_URL"], "-qAtc", sql], check=True, capture_output=True, text=True)
    return int(done.stdout)


def until(what, reached):
    deadline = time.monotonic() + 4 * DEADLINE
    while not reached():
        expect(time.monotonic() < deadline, what)
        time.sleep(0.1)


def look_at_the_files(image):
    """No shell, nothing that gives rights, nothing that its user could change, were the root not read-only."""
    for directory, _, names in os.walk(image.root):
        for name in names:
            path = os.path.join(directory, name)
            inside = "/" + os.path.relpath(path, image.root)
            state = os.lstat(path)
            expect(not state.st_mode & 0o6000, "no file is setuid or setgid", inside)
            expect(name not in {"sh", "bash", "dash", "busybox", "apt", "dpkg", "perl", "python3"}, "no shell, no interpreter", inside)
            is_link = os.path.islink(path)
            expect(is_link or not state.st_mode & 0o002, "no file that everybody may change", inside)
            expect(state.st_uid != 65532, "no file is its user's", inside)


def look_at_the_settings(image):
    config = image.config
    expect(config["User"] == "65532:65532", "it is nobody in particular, by number", config["User"])
    expect(config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/flowsentry", "health"], "the binary is its own health check")
    expect("9477/tcp" in config["ExposedPorts"], "its port is told")
    expect(config["StopSignal"] in {"SIGTERM", "15"}, "how it is told to stop", config["StopSignal"])
    expect(config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0", "it is labelled")


def look_at_the_process(service):
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
        expect(int(service.status(name), 16) == 0, f"it has no capability in {name}", service.status(name))
    expect(service.status("NoNewPrivs") == "1", "it can get no rights")
    expect(service.status("Uid").split() == ["65532"] * 4, "its user", service.status("Uid"))
    expect(service.status("NSpid").split()[-1] == "1", "it is process 1", service.status("NSpid"))


def size(archive, root):
    """MiB to fetch, and on disk."""
    compressed = sum(file.stat().st_size for file in pathlib.Path(archive, "blobs").rglob("*") if file.is_file())
    on_disk = sum(os.lstat(os.path.join(where, name)).st_size for where, _, names in os.walk(root) for name in names)
    return compressed / 2**20, on_disk / 2**20


def trial(image, archive):
    look_at_the_settings(image)
    look_at_the_files(image)
    fetched, on_disk = size(archive, image.root)
    binary = os.path.getsize(image.root + "/usr/bin/flowsentry") / 2**20

    expect("http.listen = \"0.0.0.0:" in image.run("config"), "it listens where others reach it")
    expect("log.format = \"json\"" in image.run("config"), "the settings that it brings along")
    expect("not healthy" in image.run("health", code=69), "a service that is not there is not healthy")
    image.run("migrate")
    for place in ["/tmp/x.csv", "/home/nonroot/x.csv"]:
        expect("Read-only file system" in image.run("export", "flows", "--output", place, code=74), "nothing can be written", place)

    starts, ends = [], []
    for _ in range(STARTS):
        service = Service(image)
        starts.append(service.until_ready())
        look_at_the_process(service)
        ends.append(service.stop())

    service = Service(image)
    service.until_ready()
    expect(image.run("health").strip() == "alive", "it is healthy")
    expect(image.run("health", "--ready").strip() == "ready: owner", "it is ready")
    expect(ask("/api/overview") == 403, "without a token others read nothing", ask("/api/overview"))
    until("it falls asleep", lambda: metric("flowsentry_awake") == 0)
    idle = service.mebibytes("VmRSS")

    began = time.monotonic()
    files = [f"/dev/captures/{name}.pcap.zst" for name in ORDER]
    replayed = json.loads(image.run("replay", "--json", "--start", "1700000000", *files).splitlines()[-1])
    inserted = number("SELECT count(*) FROM raw_packets")
    expect(replayed["packets"] == inserted, "what was replayed is there", replayed)
    stored = "SELECT coalesce(sum(packet_count), 0)::bigint FROM traffic_data"
    rejected = "SELECT count(*) FROM flowsentry.rejected_packets"
    until("every packet is in a flow", lambda: number(stored) + number(rejected) == inserted)
    took = time.monotonic() - began
    flows, attacks = number("SELECT count(*) FROM traffic_data"), number("SELECT count(*) FROM flowsentry.alerts WHERE state <> 'withdrawn'")
    said = image.run("verify")
    peak, after = service.mebibytes("VmHWM"), service.mebibytes("VmRSS")

    os.kill(service.pid, signal.SIGSTOP)
    expect("no answer within 3s" in image.run("health", code=69), "a frozen service is not healthy")
    os.kill(service.pid, signal.SIGCONT)
    expect(image.run("health").strip() == "alive", "it is healthy again")
    ends.append(service.stop())
    limit = f"a limit of {MEMORY_MAX} MiB" if image.limit.place else "no limit"
    return [
        ("to fetch, layers compressed by gzip", f"{fetched:.1f} MiB"),
        ("on disk", f"{on_disk:.1f} MiB, of which the binary {binary:.1f}"),
        (f"start → /readyz 200, {STARTS} times", f"{statistics.median(starts):.2f} s ({min(starts):.2f} to {max(starts):.2f})"),
        (f"stop signal → end, {len(ends)} times", f"{statistics.median(ends):.2f} s (at most {max(ends):.2f})"),
        ("memory, asleep after the start", f"{idle:.1f} MiB"),
        (f"the demo's traffic, {inserted:,} packets → {flows:,} flows, {attacks} alerts",
         f"{took:.1f} s; memory at most {peak:.1f} MiB, afterwards {after:.1f}, under {limit}"),
        ("flowsentry verify, from inside", said.strip().splitlines()[-1]),
    ]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("image-trial: told to stop"))
    root, inspected, archive, *table = sys.argv[1:]
    image = Image(root, inspected)
    image.place.mkdir()
    try:
        rows = trial(image, archive)
    finally:
        image.end()
    text = "".join(["| what | measured |\n| --- | --- |\n", *(f"| {what} | {found} |\n" for what, found in rows)])
    print(text, end="")
    if table and table[0]:
        pathlib.Path(table[0]).write_text(text)


main()
