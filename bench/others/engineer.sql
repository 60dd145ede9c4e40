-- What a database engineer would write in flowsentry's place: every statistic and the context in one statement, no model.
INSERT INTO by_sql
WITH packets AS (
    SELECT floor(timestamp / 30) * 30 AS window_start, src_ip, dst_ip, protocol, timestamp, length, src_port, dst_port, tcp_flags
    FROM raw_packets
), flows AS (
    SELECT window_start, src_ip, dst_ip, protocol, count(*) AS packet_count, sum(length) AS byte_count,
           min(timestamp) AS first_seen, max(timestamp) AS last_seen,
           count(DISTINCT floor(timestamp)) AS active_seconds,
           min(length) AS length_min, max(length) AS length_max, sum(length::bigint * length) AS length_sum_of_squares,
           bool_or(tcp_flags LIKE '%ACK%') AS ack, bool_or(tcp_flags LIKE '%FIN%') AS fin,
           bool_or(tcp_flags LIKE '%PSH%') AS psh, bool_or(tcp_flags LIKE '%RST%') AS rst,
           bool_or(tcp_flags LIKE '%SYN%') AS syn, bool_or(tcp_flags LIKE '%URG%') AS urg,
           count(*) FILTER (WHERE tcp_flags LIKE '%SYN%') AS connection_attempts,
           count(*) FILTER (WHERE tcp_flags LIKE '%SYN%' AND tcp_flags LIKE '%ACK%') AS syn_ack_count,
           count(*) FILTER (WHERE tcp_flags LIKE '%RST%') AS rst_count,
           count(*) FILTER (WHERE tcp_flags LIKE '%FIN%') AS fin_count,
           count(DISTINCT dst_port) FILTER (WHERE dst_port > 0) AS destination_ports,
           array_agg(src_port) || array_agg(dst_port) AS ports
    FROM packets GROUP BY 1, 2, 3, 4
), sources AS (
    SELECT window_start, src_ip, count(DISTINCT dst_ip) AS destinations, count(DISTINCT dst_port) AS destination_ports
    FROM packets GROUP BY 1, 2
), destinations AS (
    SELECT window_start, dst_ip, count(DISTINCT src_ip) AS sources FROM flows GROUP BY 1, 2
)
SELECT f.window_start, f.src_ip, f.dst_ip, f.protocol, f.packet_count, f.byte_count, to_timestamp(f.first_seen),
       to_timestamp(f.last_seen), f.packet_count / coalesce(nullif(f.last_seen - f.first_seen, 0), 1),
       f.byte_count / coalesce(nullif(f.last_seen - f.first_seen, 0), 1),
       (f.last_seen - f.first_seen) / greatest(f.packet_count - 1, 1), f.active_seconds, f.length_min, f.length_max,
       f.length_sum_of_squares,
       coalesce(nullif(concat_ws(',', CASE WHEN f.ack THEN 'ACK' END, CASE WHEN f.fin THEN 'FIN' END,
                                 CASE WHEN f.psh THEN 'PSH' END, CASE WHEN f.rst THEN 'RST' END,
                                 CASE WHEN f.syn THEN 'SYN' END, CASE WHEN f.urg THEN 'URG' END), ''), 'NONE'),
       f.connection_attempts, f.connection_attempts - f.syn_ack_count, f.syn_ack_count, f.rst_count, f.fin_count,
       (SELECT count(DISTINCT port) FROM unnest(f.ports) port WHERE port > 0), f.destination_ports,
       s.destinations, s.destination_ports, d.sources, coalesce(r.packet_count, 0)::float8 / f.packet_count
FROM flows f
JOIN sources s USING (window_start, src_ip)
JOIN destinations d USING (window_start, dst_ip)
LEFT JOIN flows r ON r.window_start = f.window_start AND r.src_ip = f.dst_ip AND r.dst_ip = f.src_ip
                 AND r.protocol = f.protocol
