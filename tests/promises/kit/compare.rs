//! The invariant: what is stored equals a plain GROUP BY over the packets, and nothing is stored twice.

use super::Database;

/// Packets in and packets out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sums {
    /// Rows of `raw_packets`.
    pub packets: i64,
    /// Rows of `flowsentry.rejected_packets`.
    pub rejected: i64,
    /// Σ `packet_count`.
    pub stored: i64,
}

impl Sums {
    /// Whether every packet has come out.
    pub fn agree(&self) -> bool {
        self.packets == self.rejected + self.stored
    }
}

/// Counts both ends.
pub fn sums(database: &Database) -> Sums {
    Sums {
        packets: database.number("SELECT count(*) FROM raw_packets"),
        rejected: database.number("SELECT count(*) FROM flowsentry.rejected_packets"),
        stored: database.number("SELECT sum(packet_count) FROM traffic_data"),
    }
}

/// Fails with the flows that differ from a plain GROUP BY over the packets that were not rejected, in any figure that adds
/// up over rows, and with rows that are there twice.
#[track_caller]
pub fn assert_flows_equal_group_by(database: &Database) {
    let differing = database.query(
        "WITH expected AS (
             SELECT floor(timestamp / 30) * 30 AS start, src_ip, dst_ip, protocol, count(*) AS packets,
                    sum(length) AS octets, count(*) FILTER (WHERE tcp_flags LIKE '%SYN%') AS syn,
                    count(*) FILTER (WHERE tcp_flags LIKE '%RST%') AS rst,
                    count(*) FILTER (WHERE tcp_flags LIKE '%FIN%') AS fin,
                    sum(length::bigint * length) AS squares, min(length) AS shortest, max(length) AS longest,
                    extract(epoch FROM to_timestamp(min(timestamp))) AS first,
                    extract(epoch FROM to_timestamp(max(timestamp))) AS last
             FROM raw_packets p
             WHERE NOT EXISTS (SELECT FROM flowsentry.rejected_packets r WHERE r.packet_id = p.id)
             GROUP BY 1, 2, 3, 4
         ), stored AS (
             SELECT extract(epoch FROM window_start) AS start, src_ip, dest_ip, protocol, sum(packet_count) AS packets,
                    sum(byte_count) AS octets, sum(connection_attempts) AS syn, sum(rst_count) AS rst,
                    sum(fin_count) AS fin, sum(length_sum_of_squares) AS squares, min(length_min) AS shortest,
                    max(length_max) AS longest, extract(epoch FROM min(first_seen)) AS first,
                    extract(epoch FROM max(last_seen)) AS last
             FROM traffic_data GROUP BY 1, 2, 3, 4
         )
         SELECT coalesce(e::text, '-') || ' stored: ' || coalesce(s::text, '-')
         FROM expected e FULL JOIN stored s
           ON e.start = s.start AND e.src_ip = s.src_ip AND e.dst_ip = s.dest_ip AND e.protocol = s.protocol
         WHERE (e.packets, e.octets, e.syn, e.rst, e.fin, e.squares, e.shortest, e.longest, e.first, e.last)
               IS DISTINCT FROM
               (s.packets, s.octets, s.syn, s.rst, s.fin, s.squares, s.shortest, s.longest, s.first, s.last)
         LIMIT 10",
    );
    let differing: Vec<String> = differing.iter().map(|row| row.get(0)).collect();
    assert!(differing.is_empty(), "flows differ from GROUP BY:\n{}", differing.join("\n"));

    let twice = database.query(
        "SELECT (window_start, src_ip, dest_ip, protocol, revision)::text FROM traffic_data
         GROUP BY window_start, src_ip, dest_ip, protocol, revision HAVING count(*) > 1 LIMIT 10",
    );
    let twice: Vec<String> = twice.iter().map(|row| row.get(0)).collect();
    assert!(twice.is_empty(), "stored twice:\n{}", twice.join("\n"));
}
