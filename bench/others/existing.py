"""One cycle of the existing system's algorithm, for comparison: one query for a window of 30 seconds, grouped by pandas, then
predicted by a random forest of 100 trees and inserted by SQLAlchemy, flow by flow.

    existing.py URL FLOWS

Predicting and inserting is done for FLOWS flows and the time for all of them follows from it. Prints one line: packets, flows,
seconds to read, to group, to predict and insert one flow.
"""

import sys
import time

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sqlalchemy import Column, Float, Integer, String, create_engine, text
from sqlalchemy.orm import Session, declarative_base

START, LENGTH = 1700000040, 30
PROTOCOLS = ["ARP", "ICMP", "TCP", "UDP"]
FLAGS = ["ACK", "FIN", "NONE", "PSH", "RST", "SYN", "URG"]
NUMBERS = ["packet_count", "packet_per_sec", "byte_count", "byte_per_sec", "connection_attempts", "unique_ports"]
COLUMNS = NUMBERS + [f"protocol_{name}" for name in PROTOCOLS] + [f"tcp_flags_{name}" for name in FLAGS]
CLASSES = ["ARP Poisoning", "Brute Force", "DDoS", "Normal", "Port Scanning"]
Base = declarative_base()


class TrafficData(Base):
    __tablename__ = "existing_traffic_data"
    id_num = Column(Integer, primary_key=True)
    dest_ip = Column(String)
    packet_count = Column(Integer)
    packet_per_sec = Column(Float)
    byte_count = Column(Integer)
    byte_per_sec = Column(Float)
    tcp_flags = Column(String)
    connection_attempts = Column(Integer)
    unique_ports = Column(Integer)
    protocol = Column(String)
    predicted_label = Column(String)


def forest():
    """As large as theirs; what it was trained on does not change what a prediction costs."""
    random = np.random.default_rng(1)
    rows = pd.DataFrame(random.random((5000, len(COLUMNS))) * 100, columns=COLUMNS)
    labels = random.choice(CLASSES, 5000)
    return RandomForestClassifier(n_estimators=100, random_state=1).fit(rows, labels)


def grouped(packets):
    flows = []
    for (_, destination, protocol), group in packets.groupby(["src_ip", "dst_ip", "protocol"]):
        duration = group["timestamp"].max() - group["timestamp"].min() or 1
        flags = {flag for joined in group["tcp_flags"].dropna() for flag in joined.split(",")}
        flows.append({
            "dest_ip": destination,
            "protocol": protocol,
            "packet_count": len(group),
            "packet_per_sec": len(group) / duration,
            "byte_count": int(group["length"].sum()),
            "byte_per_sec": group["length"].sum() / duration,
            "tcp_flags": ",".join(sorted(flags)) or "NONE",
            "connection_attempts": int(group["tcp_syn"].fillna(False).sum()),
            "unique_ports": len((set(group["src_port"].dropna()) | set(group["dst_port"].dropna())) - {0}),
        })
    return flows


def predict_and_insert(session, model, flow):
    row = pd.get_dummies(pd.DataFrame([flow])[NUMBERS + ["protocol", "tcp_flags"]])
    row = row.reindex(columns=COLUMNS, fill_value=0)
    label = model.predict(row)[0]
    session.add(TrafficData(**{**flow, "byte_per_sec": float(flow["byte_per_sec"])}, predicted_label=label))
    session.commit()


def main(url, count):
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    Base.metadata.create_all(engine)
    model = forest()
    began = time.perf_counter()
    query = text("SELECT * FROM raw_packets WHERE timestamp >= :start AND timestamp < :end")
    with engine.connect() as connection:
        packets = pd.read_sql(query, connection, params={"start": START, "end": START + LENGTH})
    read = time.perf_counter()
    flows = grouped(packets)
    group = time.perf_counter()
    with Session(engine) as session:
        for flow in flows[:count]:
            predict_and_insert(session, model, flow)
    each = (time.perf_counter() - group) / min(count, len(flows))
    print(len(packets), len(flows), read - began, group - read, each)


main(sys.argv[1], int(sys.argv[2]))
