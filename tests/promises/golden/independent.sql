-- Features of the flows in raw_packets, one window, by their formulas and nothing of flowsentry: (key, feature, value).
WITH packet AS (
    SELECT round(timestamp * 1000000)::bigint AS t, protocol, length, dns_response, lower(dns_qname) AS name,
           coalesce(nullif(src_ip, '0.0.0.0'), arp_psrc) AS s, coalesce(nullif(dst_ip, '0.0.0.0'), arp_pdst) AS d,
           nullif(src_port, 0) AS sp, nullif(dst_port, 0) AS dp, arp_op, arp_hwsrc AS mac,
           string_to_array(coalesce(tcp_flags, ''), ',') AS flags
    FROM raw_packets
), told AS (
    SELECT *, 'SYN' = ANY (flags) AS syn, 'ACK' = ANY (flags) AS ack, 'RST' = ANY (flags) AS rst, 'FIN' = ANY (flags) AS fin,
           substring(name FROM '[^.]*\.?[^.]*$') AS domain,
           (SELECT -sum(n / total * ln(n / total) / ln(2))
            FROM (SELECT count(*)::float8 AS n, sum(count(*)) OVER ()::float8 AS total
                  FROM regexp_split_to_table(replace(name, '.', ''), '') letter GROUP BY letter) letters) AS entropy
    FROM packet
), flow AS (
    SELECT s, d, protocol, count(*)::float8 AS packets, sum(length)::float8 AS octets, (max(t) - min(t)) / 1e6 AS duration,
           count(DISTINCT t / 1000000)::float8 AS seconds, min(length) AS shortest, max(length) AS longest,
           stddev_pop(length)::float8 AS deviation, sum(length::float8 ^ 2) AS squares,
           count(*) FILTER (WHERE syn) AS syns, count(*) FILTER (WHERE syn AND NOT ack)::float8 AS syn_alone,
           count(*) FILTER (WHERE syn AND ack)::float8 AS syn_acks, count(*) FILTER (WHERE rst)::float8 AS rsts,
           count(*) FILTER (WHERE fin)::float8 AS fins, count(DISTINCT sp)::float8 AS sps, count(DISTINCT dp)::float8 AS dps,
           array_agg(DISTINCT sp) || array_agg(DISTINCT dp) AS ports, array_agg(DISTINCT dp) AS towards, array_agg(DISTINCT sp) AS from_ports,
           bool_or('ACK' = ANY (flags)) AS any_ack, bool_or('PSH' = ANY (flags)) AS any_psh, bool_or('URG' = ANY (flags)) AS any_urg,
           count(*) FILTER (WHERE protocol = 'ARP' AND arp_op <> 2)::float8 AS asks,
           count(*) FILTER (WHERE protocol = 'ARP' AND arp_op = 2)::float8 AS replies, count(DISTINCT mac)::float8 AS macs,
           count(*) FILTER (WHERE name <> '' AND NOT dns_response)::float8 AS queries,
           count(*) FILTER (WHERE name <> '' AND dns_response)::float8 AS responses,
           count(name)::float8 AS messages, count(DISTINCT name)::float8 AS names, count(DISTINCT domain)::float8 AS domains,
           sum(octet_length(name))::float8 AS name_octets, sum(octet_length(split_part(name, '.', 1)))::float8 AS label_octets,
           sum(length(regexp_replace(name, '[^0-9]', '', 'g')))::float8 AS digits, sum(entropy) AS entropy
    FROM told GROUP BY s, d, protocol
), met AS (
    SELECT flow.*, answer.packets AS back, answer.octets AS back_octets, answer.rsts AS back_rsts, answer.syn_acks AS back_syn_acks,
           answer.asks AS back_asks
    FROM flow LEFT JOIN flow answer ON (answer.s, answer.d, answer.protocol) = (flow.d, flow.s, flow.protocol)
), source AS (
    SELECT s, count(DISTINCT d)::float8 AS destinations, count(*)::float8 AS flows, sum(packets) AS packets, sum(syn_alone) AS syn_alone,
           count(back)::float8 AS answered, count(*) FILTER (WHERE back_rsts > 0)::float8 AS refused,
           count(*) FILTER (WHERE packets <= 2)::float8 AS small, count(*) FILTER (WHERE packets <= 2 AND back IS NULL)::float8 AS probes
    FROM met GROUP BY s
), ports AS (
    SELECT s, count(DISTINCT dp)::float8 AS ports FROM packet GROUP BY s
), destination AS (
    SELECT d, count(DISTINCT s)::float8 AS sources, count(*)::float8 AS flows, sum(packets) AS packets, sum(syn_alone) AS syn_alone,
           count(back)::float8 AS answered, count(*) FILTER (WHERE packets <= 2)::float8 AS small,
           coalesce(sum(packets) FILTER (WHERE protocol IN ('ICMP', 'ICMPv6')), 0) AS icmp
    FROM met GROUP BY d
), claim AS (
    SELECT DISTINCT s, mac FROM packet WHERE protocol = 'ARP'
), claims AS (
    SELECT claim.s, max(n)::float8 AS of_one FROM claim
    JOIN (SELECT mac, count(*) AS n FROM claim GROUP BY mac) by_mac USING (mac) GROUP BY claim.s
)
SELECT concat(met.s, ' > ', met.d, ' ', met.protocol), feature, coalesce(value, 0)::float8
FROM met JOIN source ON source.s = met.s JOIN ports ON ports.s = met.s JOIN destination ON destination.d = met.d
LEFT JOIN destination caller ON caller.d = met.s LEFT JOIN source contact ON contact.s = met.d
LEFT JOIN claims ON claims.s = met.s AND met.protocol = 'ARP'
CROSS JOIN LATERAL (VALUES
    ('packet_count', met.packets), ('byte_count', met.octets), ('duration', met.duration),
    ('packet_per_sec', met.packets / coalesce(nullif(met.duration, 0), 1)),
    ('byte_per_sec', met.octets / coalesce(nullif(met.duration, 0), 1)),
    ('gap_mean', met.duration / greatest(met.packets - 1, 1)), ('active_seconds', met.seconds),
    ('connection_attempts', met.syns), ('syn_without_ack_count', met.syn_alone), ('syn_ack_count', met.syn_acks),
    ('rst_count', met.rsts), ('fin_count', met.fins), ('destination_ports', met.dps),
    ('unique_ports', (SELECT count(DISTINCT port) FROM unnest(met.ports) port)),
    ('length_min', met.shortest), ('length_max', met.longest), ('length_mean', met.octets / met.packets),
    ('length_sum_of_squares', met.squares), ('length_deviation', met.deviation),
    ('arp_requests', met.asks), ('arp_replies', met.replies), ('arp_claimants', met.macs),
    ('dns_queries', met.queries), ('dns_responses', met.responses), ('dns_names', met.names), ('dns_domains', met.domains),
    ('tcp_flag_ack', met.any_ack::int), ('tcp_flag_psh', met.any_psh::int), ('tcp_flag_urg', met.any_urg::int),
    ('tcp_flag_syn', (met.syns > 0)::int), ('tcp_flag_rst', (met.rsts > 0)::int), ('tcp_flag_fin', (met.fins > 0)::int),
    ('protocol_tcp', (met.protocol = 'TCP')::int), ('protocol_udp', (met.protocol = 'UDP')::int),
    ('protocol_icmp', (met.protocol = 'ICMP')::int), ('protocol_icmpv6', (met.protocol = 'ICMPv6')::int),
    ('protocol_arp', (met.protocol = 'ARP')::int), ('protocol_other', (met.protocol = 'OTHER')::int),
    ('source_destinations', source.destinations), ('source_destination_ports', ports.ports), ('source_flows', source.flows),
    ('source_syn_share', source.syn_alone / source.packets), ('destination_sources', destination.sources),
    ('destination_packets', destination.packets), ('reverse_packet_ratio', met.back / met.packets),
    ('reverse_rst_share', met.back_rsts / met.back), ('hardware_claims', claims.of_one),
    ('address_claimants', CASE WHEN met.protocol = 'ARP' THEN met.macs END),
    ('source_answered_share', source.answered / source.flows), ('source_refused_share', source.refused / source.flows),
    ('source_small_flow_share', source.small / source.flows), ('source_unanswered_probes', source.probes),
    ('source_packets', source.packets), ('source_callers', caller.sources), ('source_icmp_reports', caller.icmp),
    ('destination_small_flow_share', destination.small / destination.flows),
    ('destination_answered_share', destination.answered / destination.flows),
    ('destination_syn_share', destination.syn_alone / destination.packets), ('destination_contacts', contact.destinations),
    ('reverse_syn_acks', met.back_syn_acks), ('reverse_length_mean', met.back_octets / met.back),
    ('covered_seconds', (SELECT max(t) - min(t) FROM packet) / 1e6),
    ('syn_without_ack_share', met.syn_alone / met.packets), ('syn_ack_share', met.syn_acks / met.packets),
    ('rst_share', met.rsts / met.packets), ('fin_share', met.fins / met.packets),
    ('packets_per_attempt', met.packets / greatest(met.syns, 1)), ('octets_per_attempt', met.octets / greatest(met.syns, 1)),
    ('packets_per_active_second', met.packets / met.seconds), ('attempts_per_active_second', met.syns / met.seconds),
    ('length_variation', met.deviation / (met.octets / met.packets)),
    ('destination_ports_per_packet', met.dps / met.packets), ('source_ports_per_packet', met.sps / met.packets),
    ('source_ports_per_destination_port', met.sps / nullif(met.dps, 0)),
    ('to_name_server', (53 = ANY (met.towards))::int), ('from_name_server', (53 = ANY (met.from_ports))::int),
    ('to_web_service', (met.towards && ARRAY[80, 443, 8000, 8080, 8443])::int),
    ('source_flows_per_destination', source.flows / source.destinations),
    ('source_ports_per_destination', ports.ports / source.destinations),
    ('destination_packets_per_source', destination.packets / destination.sources),
    ('share_of_destination', met.packets / destination.packets), ('share_of_source', met.packets / source.packets),
    ('arp_reply_share', met.replies / nullif(met.asks + met.replies, 0)),
    ('reverse_arp_requests', met.back_asks),
    ('arp_replies_unrequested', greatest(met.replies - coalesce(met.back_asks, 0), 0)),
    ('half_open_share', greatest(met.syn_alone - coalesce(met.back_syn_acks, 0), 0) / nullif(met.syn_alone, 0)),
    ('packets_per_connection', met.packets / greatest(met.sps, 1)), ('octets_per_connection', met.octets / greatest(met.sps, 1)),
    ('active_share', least(met.seconds / ceil(met.duration + 1), 1)), ('source_packets_per_flow', source.packets / source.flows),
    ('source_icmp_report_share', caller.icmp / source.packets),
    ('dns_share', met.messages / met.packets), ('dns_per_active_second', met.messages / met.seconds),
    ('dns_names_per_message', met.names / nullif(met.messages, 0)), ('dns_names_per_domain', met.names / nullif(met.domains, 0)),
    ('dns_name_length', met.name_octets / nullif(met.messages, 0)), ('dns_label_length', met.label_octets / nullif(met.messages, 0)),
    ('dns_name_entropy', met.entropy / nullif(met.messages, 0)), ('dns_digit_share', met.digits / nullif(met.name_octets, 0))
) AS features (feature, value)
