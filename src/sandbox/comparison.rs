//! Whether the stored flows are what a plain GROUP BY over the packets gives: the demo and the tests ask the same question.

use tokio_postgres::Client;

use crate::postgres::PostgresError;

/// How many differences are shown.
const SHOWN: usize = 5;

/// Flows whose figures differ from those of a GROUP BY over the packets that were not rejected, and flows that are there
/// twice; none if all is well. Compared is what adds up over the rows of a flow: packets, octets, SYN, RST, FIN, Σ length²,
/// shortest and longest packet, first and last time.
pub async fn differences(client: &Client) -> Result<Vec<String>, PostgresError> {
    let doing = PostgresError::doing("compare flows with a GROUP BY over the packets");
    let differing = client.query(DIFFERING, &[]).await.map_err(&doing)?;
    let twice = client.query(TWICE, &[]).await.map_err(&doing)?;
    let differing = differing.iter().map(|row| format!("packets give {}", row.get::<_, String>(0)));
    let twice = twice.iter().map(|row| format!("stored twice: {}", row.get::<_, String>(0)));
    Ok(differing.take(SHOWN).chain(twice.take(SHOWN)).collect())
}

/// Packets without IP addresses (ARP) belong to the addresses that ARP speaks of. Times are compared as timestamps: a cast of
/// double precision to numeric keeps 15 digits, which is tens of microseconds today.
const DIFFERING: &str = "
    WITH usable AS (
        SELECT p.*, src_ip = '0.0.0.0' AND dst_ip = '0.0.0.0' AS is_bare
        FROM public.raw_packets p
        WHERE NOT EXISTS (SELECT FROM flowsentry.rejected_packets r WHERE r.packet_id = p.id)
    ), expected AS (
        SELECT floor(timestamp / 30) * 30 AS start,
               CASE WHEN is_bare THEN coalesce(arp_psrc, src_ip) ELSE src_ip END AS source,
               CASE WHEN is_bare THEN coalesce(arp_pdst, dst_ip) ELSE dst_ip END AS destination,
               protocol, count(*) AS packets, sum(length) AS octets,
               count(*) FILTER (WHERE tcp_flags LIKE '%SYN%') AS syn,
               count(*) FILTER (WHERE tcp_flags LIKE '%RST%') AS rst,
               count(*) FILTER (WHERE tcp_flags LIKE '%FIN%') AS fin,
               sum(length::bigint * length) AS squares, min(length) AS shortest, max(length) AS longest,
               to_timestamp(min(timestamp)) AS first, to_timestamp(max(timestamp)) AS last
        FROM usable GROUP BY 1, 2, 3, 4
    ), stored AS (
        SELECT extract(epoch FROM window_start) AS start, src_ip AS source, dest_ip AS destination, protocol,
               sum(packet_count) AS packets, sum(byte_count) AS octets, sum(connection_attempts) AS syn,
               sum(rst_count) AS rst, sum(fin_count) AS fin, sum(length_sum_of_squares) AS squares,
               min(length_min) AS shortest, max(length_max) AS longest,
               min(first_seen) AS first, max(last_seen) AS last
        FROM public.traffic_data GROUP BY 1, 2, 3, 4
    )
    SELECT coalesce(e::text, 'nothing') || ', stored is ' || coalesce(s::text, 'nothing')
    FROM expected e FULL JOIN stored s
      ON e.start = s.start AND e.source = s.source AND e.destination = s.destination AND e.protocol = s.protocol
    WHERE (e.packets, e.octets, e.syn, e.rst, e.fin, e.squares, e.shortest, e.longest, e.first, e.last)
          IS DISTINCT FROM
          (s.packets, s.octets, s.syn, s.rst, s.fin, s.squares, s.shortest, s.longest, s.first, s.last)
    LIMIT 5";

const TWICE: &str = "
    SELECT (window_start, src_ip, dest_ip, protocol, revision)::text FROM public.traffic_data
    GROUP BY window_start, src_ip, dest_ip, protocol, revision HAVING count(*) > 1 LIMIT 5";
