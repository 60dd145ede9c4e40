"""Frames of a pcap file become rows as a sniffer inserts them into `raw_packets`, each with what its sender does.

A rule names an attack and who is behind it: {"label", "from", "to", "protocol", "ports"} or, for ARP, {"label", "macs",
"claims"}. What goes from `from` to `to` (ports: on the side of `to`) is the attacker's; what comes back is the victim's. The
first rule that fits holds; what none fits is Normal.
"""

import ipaddress
import struct

import pyarrow
import pyarrow.parquet

NUMBERS = ["length", "src_port", "dst_port", "icmp_type", "icmp_code", "arp_op"]
TRUTHS = ["tcp_syn", "tcp_ack", "tcp_fin", "tcp_rst", "tcp_psh", "dns_query", "dns_response"]
TEXTS = ["interface", "src_ip", "dst_ip", "protocol", "tcp_flags", "arp_psrc", "arp_pdst", "arp_hwsrc", "arp_hwdst", "dns_qname",
         "label", "role"]
SCHEMA = pyarrow.schema([("timestamp", pyarrow.float64()), *((name, pyarrow.int32()) for name in NUMBERS),
                         *((name, pyarrow.bool_()) for name in TRUTHS), *((name, pyarrow.string()) for name in TEXTS)])
FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
ROWS_A_GROUP = 50_000


def frames(path):
    """(time in seconds, octets captured, octets on the wire) of a file that capture.py wrote."""
    with open(path, "rb") as file:
        file.read(24)
        while len(head := file.read(16)) == 16:
            seconds, nanos, captured, wire = struct.unpack("<IIII", head)
            yield seconds + nanos / 1e9, file.read(captured), wire


def row_of(moment, data, wire):
    row = dict.fromkeys(SCHEMA.names)
    row.update(timestamp=moment, interface="eth0", src_ip="0.0.0.0", dst_ip="0.0.0.0", protocol="OTHER", length=wire)
    kind, body = data[12:14], data[14:]
    if kind == b"\x08\x06" and len(body) >= 28:
        hardware = lambda octets: ":".join(f"{octet:02x}" for octet in octets)
        row.update(protocol="ARP", arp_op=body[7], arp_hwsrc=hardware(body[8:14]), arp_psrc=address(body[14:18]),
                   arp_hwdst=hardware(body[18:24]), arp_pdst=address(body[24:28]))
    elif kind == b"\x08\x00" and len(body) >= 20:
        row.update(src_ip=address(body[12:16]), dst_ip=address(body[16:20]))
        if not int.from_bytes(body[6:8], "big") & 0x1FFF:  # a later fragment has no ports
            transport(row, body[9], body[(body[0] & 15) * 4:])
    elif kind == b"\x86\xdd" and len(body) >= 40:
        row.update(src_ip=str(ipaddress.IPv6Address(body[8:24])), dst_ip=str(ipaddress.IPv6Address(body[24:40])))
        if body[6] in (6, 17):
            transport(row, body[6], body[40:])
    return row


def address(octets):
    return ".".join(map(str, octets))


def transport(row, number, data):
    if number == 6 and len(data) >= 14:
        flags = data[13]
        row.update(protocol="TCP", tcp_flags=",".join(name for bit, name in enumerate(FLAGS) if flags >> bit & 1),
                   **{f"tcp_{name.lower()}": bool(flags >> bit & 1) for bit, name in enumerate(FLAGS[:5])})
    elif number == 17 and len(data) >= 8:
        row.update(protocol="UDP")
    elif number == 1 and len(data) >= 2:
        row.update(protocol="ICMP", icmp_type=data[0], icmp_code=data[1])
        return
    else:
        return
    row["src_port"], row["dst_port"] = struct.unpack("!HH", data[:4])
    if number == 17 and 53 in (row["src_port"], row["dst_port"]) and len(data) >= 20:
        question_of(row, data[8:])


def question_of(row, data):
    row.update(dns_query=not data[2] & 0x80, dns_response=bool(data[2] & 0x80))
    labels, at = [], 12
    while at < len(data) and 0 < data[at] < 64:
        labels.append(data[at + 1:at + 1 + data[at]])
        at += 1 + data[at]
    row["dns_qname"] = b".".join(labels).decode("ascii", "ignore")[:255]


class Rule:
    def __init__(self, rule):
        self.label, self.protocol, self.ports = rule["label"], rule.get("protocol"), set(rule.get("ports", []))
        self.macs, self.claims = set(rule.get("macs", [])), set(rule.get("claims", []))
        self.sources, self.targets = ([ipaddress.ip_network(it) for it in rule.get(key, [])] for key in ("from", "to"))

    def role(self, row):
        if self.macs:
            if row["arp_hwsrc"] in self.macs and row["arp_psrc"] in self.claims:
                return "attacker"
            return "victim" if row["arp_op"] == 2 and row["arp_hwdst"] in self.macs else None
        if self.protocol not in (None, row["protocol"]) or row["protocol"] == "ARP":
            return None
        one, other = ipaddress.ip_address(row["src_ip"]), ipaddress.ip_address(row["dst_ip"])
        within = lambda address, networks: any(address in network for network in networks)
        if within(one, self.sources) and within(other, self.targets) and (not self.ports or row["dst_port"] in self.ports):
            return "attacker"
        if within(other, self.sources) and within(one, self.targets) and (not self.ports or row["src_port"] in self.ports):
            return "victim"
        return None


def label(row, rules):
    for rule in rules:
        if role := rule.role(row):
            return rule.label, role
    return "Normal", "bystander"


def convert(pcap, rules, path):
    """Writes the rows of a capture as Parquet; returns how many packets have each label."""
    rules, counts, group = [Rule(rule) for rule in rules], {}, []
    with pyarrow.parquet.ParquetWriter(path, SCHEMA, compression="zstd") as out:
        for moment, data, wire in frames(pcap):
            row = row_of(moment, data, wire)
            row["label"], row["role"] = label(row, rules)
            counts[row["label"]] = counts.get(row["label"], 0) + 1
            group.append(row)
            if len(group) == ROWS_A_GROUP:
                out.write_table(pyarrow.Table.from_pylist(group, SCHEMA))
                group = []
        out.write_table(pyarrow.Table.from_pylist(group, SCHEMA))
    return counts
