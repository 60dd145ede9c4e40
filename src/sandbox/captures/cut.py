#!/usr/bin/env python3
"""Cuts the demo's captures out of the recordings of the lab.

    cut.py RECORDINGS_DIR        (the directory of *.pcap.xz; needs the command zstd; writes *.pcap.zst beside this script)

Kept of a frame: the headers that a sniffer reads, up to the question of a DNS message; its true length stays in the
packet header. Fields that no sniffer reads (IP id and checksum; TCP sequence, acknowledgement, window, checksum) are
zeroed, which halves the files. Nothing else is changed: addresses and times are those of the recording.
"""
import lzma, pathlib, struct, subprocess, sys

ANY = None


def pairs(*wanted):
    """Packets between two hosts, by the last octet of their address; None is any address outside of the lab's network."""
    def fits(frame, network):
        if frame[12:14] != b"\x08\x00":
            return False
        ends = [frame[26:30], frame[30:34]]
        hosts = [end[3] if end[:3] == network else ANY for end in ends]
        return hosts in [list(pair) for pair in wanted] or hosts[::-1] in [list(pair) for pair in wanted]
    return fits


def everything(frame, network):
    return True


def without_ports(*ports):
    """Everything but TCP of these ports."""
    def fits(frame, network):
        is_tcp = frame[12:14] == b"\x08\x00" and frame[23] == 6
        at = 14 + (frame[14] & 15) * 4
        return not (is_tcp and set(struct.unpack(">HH", frame[at:at + 4])) & set(ports))
    return fits


def without_pair(low, high, then):
    between = pairs((low, high))
    return lambda frame, network: then(frame, network) and not between(frame, network)


def arp_from(*hosts):
    """ARP sent by these hosts' own hardware addresses."""
    macs = [bytes([2, 9, 0, 0, 0, host]) for host in hosts]
    return lambda frame, network: frame[12:14] == b"\x08\x06" and frame[22:28] in macs


# Name of the slice: recording, network of the lab, seconds from and to, what is kept.
SLICES = {
    "office": ("benign_mixed", "10.9.0", 0, 100, everything),
    "web": ("benign_web", "10.9.0", 0, 101, everything),
    "busy": ("benign_load", "172.30.5", 0, 86, without_pair(21, 13, without_ports(5201))),
    "syn_flood": ("flood_syn", "10.9.7", 0, 11, pairs((63, 13))),
    "spoofed_syn_flood": ("flood_syn_spoofed", "10.9.7", 0, 51, pairs((ANY, 13))),
    "port_scan": ("scan_mix", "172.30.5", 0, 40, pairs((62, 12), (64, 13))),
    "ssh_brute_force": ("brute_ssh", "10.9.7", 0, 70, pairs((61, 11), (62, 12))),
    "arp_spoofing": ("arp_mix", "172.30.5", 0, 100, arp_from(61, 62)),
}


def frames(path):
    """Header of the file; then header, frame of each packet."""
    data = lzma.decompress(path.read_bytes())
    assert data[:4] == b"\xd4\xc3\xb2\xa1" and struct.unpack("<I", data[20:24])[0] == 1, "little-endian pcap of Ethernet"
    yield data[:24], b""
    at = 24
    while at < len(data):
        captured = struct.unpack("<I", data[at + 8:at + 12])[0]
        yield data[at:at + 16], data[at + 16:at + 16 + captured]
        at += 16 + captured


def headers(frame):
    """What a sniffer reads of a frame; what it does not read is zeroed."""
    kind = frame[12:14]
    if kind == b"\x08\x06":
        return frame[:42]
    if kind == b"\x86\xdd":
        return frame[:14 + 40 + 8]
    if kind != b"\x08\x00":
        return frame[:14]
    kept = bytearray(frame)
    kept[18:20] = kept[24:26] = bytes(2)  # id, checksum
    at = 14 + (frame[14] & 15) * 4
    if frame[20] & 0x1f or frame[21]:  # a later fragment
        return kept[:at]
    if frame[23] == 6:
        kept[at + 4:at + 12] = bytes(8)  # sequence, acknowledgement
        kept[at + 14:at + 20] = bytes(6)  # window, checksum, urgent pointer
        return kept[:at + 20]
    if frame[23] == 17 and 53 in struct.unpack(">HH", frame[at:at + 4]):
        kept[at + 6:at + 8] = bytes(2)
        end = at + 8 + 12
        while end < len(kept) and kept[end]:
            end += 1 + kept[end]
        return kept[:end + 5]
    return kept[:at + 8]


def cut(recordings, name):
    recording, network, begin, end, wanted = SLICES[name]
    network = bytes(map(int, network.split(".")))
    out, first, count = bytearray(), None, 0
    for head, frame in frames(recordings / f"{recording}.pcap.xz"):
        if not frame:
            out += head
            continue
        seconds, micros, _, wire = struct.unpack("<IIII", head)
        time = seconds + micros / 1e6
        first = time if first is None else first
        if begin <= time - first < end and wanted(frame, network):
            kept = headers(frame)
            out += struct.pack("<IIII", seconds, micros, len(kept), wire) + kept
            count += 1
    target = pathlib.Path(__file__).parent / f"{name}.pcap.zst"
    packed = subprocess.run(["zstd", "--ultra", "-22", "-c"], input=bytes(out), stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=True).stdout
    target.write_bytes(packed)
    print(f"{name}: {count:,} packets, {len(out):,} bytes, {len(packed):,} compressed")


if __name__ == "__main__":
    for slice_name in SLICES:
        cut(pathlib.Path(sys.argv[1]), slice_name)
