"""Frames off the monitor's interface into a pcap file: `capture.py FILE SECONDS FRAMES_MAX OCTETS_A_FRAME`."""

import signal
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35  # when the kernel saw the frame
BUFFER = 64 << 20
PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)  # nanoseconds, Ethernet


def capture(path, seconds, frames_max, octets):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    for option in (socket.SO_RCVBUF, 33):  # 33: past the system's limit, where we may
        try:
            link.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        except OSError:
            pass
    link.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    link.bind(("eth0", 3))
    link.settimeout(0.2)
    end, count = time.monotonic() + seconds, 0
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with open(path, "wb") as file:
        file.write(PCAP_HEAD)
        while count < frames_max and time.monotonic() < end and not stopped:
            try:
                frame, extra, _, source = link.recvmsg(65535, 256)
            except TimeoutError:
                continue
            if source[2] == socket.PACKET_OUTGOING:
                continue
            moment = next((data for _, kind, data in extra if kind == SO_TIMESTAMPNS), None)
            seconds_at, nanos = struct.unpack("qq", moment) if moment else divmod(time.time_ns(), 1_000_000_000)
            file.write(struct.pack("<IIII", seconds_at, nanos, min(len(frame), octets), len(frame)) + frame[:octets])
            count += 1


if __name__ == "__main__":
    capture(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
