"""Hours of a site become captures that `flowsentry train --add` reads.

    psql --csv -c "SELECT * FROM raw_packets WHERE timestamp >= 1700000000 AND timestamp < 1700003600" DATABASE |
        python bench/adapt/hours.py SITE tuesday [--split validation] [--attack "Port Scanning" 10.0.0.5 [10.0.1.0/24]] …

SITE is a directory; the capture `tuesday` is added to it. Packets come from standard input, as a sniffer inserted them:
timestamps as seconds since 1970 (of a timestamptz: extract(epoch from timestamp) AS timestamp). Without --attack all of it is
ordinary. What an attacker sends to a target, anybody if none is named, has the label; what comes back is the victim's, and
all else is Normal.
"""

import argparse
import csv
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "lab"))

import pyarrow
import pyarrow.parquet

import record
import rows

ANYBODY = ["0.0.0.0/0", "::/0"]
LABELS = ["DDoS", "Port Scanning", "Brute Force", "Slowloris", "DNS Tunnel", "C2 Beacon"]  # of addresses, not of hardware
NEEDED = ["timestamp", "src_ip", "dst_ip", "protocol", "length", "src_port", "dst_port", "tcp_flags"]
NO_ADDRESS = "0.0.0.0"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("name")
    parser.add_argument("--split", choices=["train", "validation", "test"], default="train")
    parser.add_argument("--attack", action="append", nargs="+", default=[], metavar=("LABEL", "FROM"))
    arguments = parser.parse_args()
    rules = [rule(parser, *attack) for attack in arguments.attack]
    reader = csv.DictReader(sys.stdin)
    if missing := [name for name in NEEDED if name not in (reader.fieldnames or [])]:
        parser.error(f"the packets lack the columns {', '.join(missing)}: psql --csv, and names as in raw_packets")
    packets = [row_of(packet, rules) for packet in reader]
    of_attack = sum(packet["role"] == "attacker" for packet in packets)
    if not packets or (rules and not of_attack):
        parser.error("no packets: are there any of that time?" if not packets else "no packet is from an attacker to a target")
    path = arguments.site / "packets" / f"{arguments.name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(packets, rows.SCHEMA), path, compression="zstd")
    about = rules[0]["label"] if rules else "Normal"
    record.add(arguments.site, arguments.split, {"id": arguments.name, "class": about, "licence": "the site's own"})
    print(f"{path}: {len(packets)} packets, {of_attack} of them an attacker's")


def rule(parser, label, source=None, *targets):
    if label not in LABELS or source is None:
        parser.error(f"--attack LABEL FROM [TO …]: LABEL is one of {', '.join(LABELS)}")
    return {"label": label, "from": [source], "to": list(targets) or ANYBODY}


def row_of(packet, rules):
    row = dict.fromkeys(rows.SCHEMA.names)
    for name in rows.SCHEMA.names:
        text = packet.get(name) or None
        if text is not None and name in rows.NUMBERS:
            row[name] = int(text)
        elif text is not None and name in rows.TRUTHS:
            row[name] = text == "t"
        else:
            row[name] = text
    row.update(timestamp=float(packet["timestamp"]), src_ip=row["src_ip"] or NO_ADDRESS, dst_ip=row["dst_ip"] or NO_ADDRESS)
    row["label"], row["role"] = rows.label(row, [rows.Rule(rule) for rule in rules])
    return row


if __name__ == "__main__":
    main()
