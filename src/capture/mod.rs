//! Capture files (pcap, pcapng) become the rows that a sniffer would have inserted.
