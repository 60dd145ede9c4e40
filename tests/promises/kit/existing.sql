-- The existing system's tables, as its Python application creates them (SQLAlchemy), with its first traffic_data.
CREATE TABLE raw_packets (
    id serial PRIMARY KEY, timestamp double precision, interface varchar, src_ip varchar, dst_ip varchar,
    protocol varchar, length integer, src_port integer, dst_port integer, tcp_flags varchar,
    tcp_syn boolean, tcp_ack boolean, tcp_fin boolean, tcp_rst boolean, tcp_psh boolean, seq bigint, ack bigint,
    icmp_type integer, icmp_code integer, arp_op integer, arp_psrc varchar, arp_pdst varchar, arp_hwsrc varchar,
    arp_hwdst varchar, dns_query boolean, dns_qname varchar, dns_qtype integer, dns_response boolean,
    dns_answer_count integer, dns_answer_size integer, http_method varchar, http_path varchar,
    http_status_code integer, http_host varchar,
    inserted_at timestamp without time zone DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE TABLE traffic_data (
    id_num serial PRIMARY KEY, dest_ip varchar, source_mac varchar, dest_mac varchar, packet_count integer,
    packet_per_sec double precision, byte_count integer, byte_per_sec double precision, tcp_flags varchar,
    connection_attempts integer, unique_ports integer, protocol varchar, predicted_label varchar
);
