//! What each feature of the catalogue says: the words, with no numbers in them. To add one, add its line.
//!
//! `{}` is the number with its unit, `(packet|packets)` the first if that number is 1, else the second.

use super::Phrase;

/// All of them: one for each feature of the catalogue.
pub(super) const PHRASES: &[Phrase] = &[
    Phrase::count("packet_count", "{} (packet|packets)"),
    Phrase::count("byte_count", "{} (octet|octets)"),
    Phrase::amount("packet_per_sec", "{} packets a second"),
    Phrase::amount("byte_per_sec", "{} octets a second"),
    Phrase::amount("duration", "{} from the first to the last packet"),
    Phrase::amount("gap_mean", "{} between packets"),
    Phrase::whole("active_seconds", "packets in {} different (second|seconds)")
        .back("{} (second|seconds) with packets"),
    Phrase::count("connection_attempts", "{} (packet|packets) with SYN"),
    Phrase::count("syn_without_ack_count", "{} (packet|packets) with SYN and without ACK"),
    Phrase::count("syn_ack_count", "{} (packet|packets) with SYN and ACK"),
    Phrase::count("rst_count", "{} (packet|packets) with RST"),
    Phrase::count("fin_count", "{} (packet|packets) with FIN"),
    Phrase::count("unique_ports", "{} (port|ports), of both sides"),
    Phrase::count("destination_ports", "{} destination (port|ports)"),
    Phrase::whole("length_min", "the shortest frame has {} (octet|octets)")
        .back("{} (octet|octets) in the shortest frame"),
    Phrase::whole("length_max", "the longest frame has {} (octet|octets)")
        .back("{} (octet|octets) in the longest frame"),
    Phrase::amount("length_mean", "{} octets a frame"),
    Phrase::count("length_sum_of_squares", "{} as sum of the squares of frame lengths"),
    Phrase::amount("length_deviation", "frame lengths deviate by {} octets")
        .back("{} octets of deviation of frame lengths"),
    Phrase::count("arp_requests", "{} ARP (request|requests)"),
    Phrase::count("arp_replies", "{} ARP (reply|replies)"),
    Phrase::count("arp_claimants", "{} hardware (address says|addresses say) in this flow to be the source")
        .back("{} hardware (address|addresses) as the source of this flow"),
    Phrase::count("dns_queries", "{} DNS (query|queries)"),
    Phrase::count("dns_responses", "{} DNS (response|responses)"),
    Phrase::count("dns_names", "{} different DNS (name|names)"),
    Phrase::count("dns_domains", "{} different DNS (domain|domains)"),
    Phrase::truth("tcp_flag_ack", "a packet has ACK set", "no packet has ACK set"),
    Phrase::truth("tcp_flag_cwr", "a packet has CWR set", "no packet has CWR set"),
    Phrase::truth("tcp_flag_ece", "a packet has ECE set", "no packet has ECE set"),
    Phrase::truth("tcp_flag_fin", "a packet has FIN set", "no packet has FIN set"),
    Phrase::truth("tcp_flag_psh", "a packet has PSH set", "no packet has PSH set"),
    Phrase::truth("tcp_flag_rst", "a packet has RST set", "no packet has RST set"),
    Phrase::truth("tcp_flag_syn", "a packet has SYN set", "no packet has SYN set"),
    Phrase::truth("tcp_flag_urg", "a packet has URG set", "no packet has URG set"),
    Phrase::truth("protocol_tcp", "the protocol is TCP", "the protocol is not TCP"),
    Phrase::truth("protocol_udp", "the protocol is UDP", "the protocol is not UDP"),
    Phrase::truth("protocol_icmp", "the protocol is ICMP", "the protocol is not ICMP"),
    Phrase::truth("protocol_icmpv6", "the protocol is ICMPv6", "the protocol is not ICMPv6"),
    Phrase::truth("protocol_arp", "the protocol is ARP", "the protocol is not ARP"),
    Phrase::truth("protocol_other", "the protocol is a rare one", "the protocol is a common one"),
    Phrase::count("source_destinations", "the source sends to {} (destination|destinations)")
        .back("{} (destination|destinations) of the source"),
    Phrase::count("source_destination_ports", "the source sends to {} destination (port|ports)")
        .back("{} destination (port|ports) of the source"),
    Phrase::count("source_flows", "the source has {} (flow|flows)").back("{} (flow|flows) of the source"),
    Phrase::amount("source_syn_share", "{} of the source's packets are SYN without ACK")
        .back("{} of the source's packets with SYN and without ACK"),
    Phrase::count("destination_sources", "{} (source sends|sources send) to the destination")
        .back("{} (source|sources) of the destination"),
    Phrase::count("destination_packets", "the destination gets {} (packet|packets)")
        .back("{} (packet|packets) to the destination"),
    Phrase::amount("reverse_packet_ratio", "{} packets come back for each packet sent")
        .back("{} packets back for each packet sent"),
    Phrase::amount("reverse_rst_share", "{} of the answering packets have RST set")
        .back("{} of the answering packets with RST"),
    Phrase::count("hardware_claims", "one hardware address says to be {} (address|addresses)")
        .back("{} (address|addresses) of one hardware address"),
    Phrase::count("address_claimants", "{} hardware (address says|addresses say) to be the source")
        .back("{} hardware (address|addresses) as the source"),
    Phrase::amount("source_answered_share", "{} of the source's flows are answered")
        .back("{} of the source's flows answered"),
    Phrase::amount("source_refused_share", "{} of the source's flows are answered with RST")
        .back("{} of the source's flows answered with RST"),
    Phrase::amount("source_small_flow_share", "{} of the source's flows have one or two packets")
        .back("{} of the source's flows with one or two packets"),
    Phrase::count("source_unanswered_probes", "{} short (flow|flows) of the source without an answer"),
    Phrase::count("source_packets", "the source sends {} (packet|packets)").back("{} (packet|packets) of the source"),
    Phrase::count("source_callers", "{} (host sends|hosts send) to the source")
        .back("{} (host|hosts) that send to the source"),
    Phrase::count("source_icmp_reports", "the source gets {} ICMP (packet|packets)")
        .back("{} ICMP (packet|packets) to the source"),
    Phrase::amount("destination_small_flow_share", "{} of the flows to the destination have one or two packets")
        .back("{} of the flows to the destination with one or two packets"),
    Phrase::amount("destination_answered_share", "{} of the flows to the destination are answered")
        .back("{} of the flows to the destination answered"),
    Phrase::amount("destination_syn_share", "{} of the packets to the destination are SYN without ACK")
        .back("{} of the packets to the destination with SYN and without ACK"),
    Phrase::count("destination_contacts", "the destination sends to {} (host|hosts)")
        .back("{} (host|hosts) that the destination sends to"),
    Phrase::count("reverse_syn_acks", "{} (packet|packets) with SYN and ACK in answer"),
    Phrase::count("reverse_arp_requests", "{} ARP (request|requests) of the other side"),
    Phrase::amount("reverse_length_mean", "{} octets an answering frame"),
    Phrase::amount("covered_seconds", "{} of the window were seen").back("{} of the window seen"),
    Phrase::amount("syn_without_ack_share", "{} of the packets are SYN without ACK")
        .back("{} of the packets with SYN and without ACK"),
    Phrase::amount("syn_ack_share", "{} of the packets are SYN with ACK").back("{} of the packets with SYN and ACK"),
    Phrase::amount("rst_share", "{} of the packets have RST set").back("{} of the packets with RST"),
    Phrase::amount("fin_share", "{} of the packets have FIN set").back("{} of the packets with FIN"),
    Phrase::amount("packets_per_attempt", "{} packets for each with SYN"),
    Phrase::amount("octets_per_attempt", "{} octets for each packet with SYN"),
    Phrase::amount("packets_per_active_second", "{} packets in each second with packets"),
    Phrase::amount("attempts_per_active_second", "{} packets with SYN in each second with packets"),
    Phrase::amount("length_variation", "frame lengths deviate by {} times their mean")
        .back("{} times the mean as deviation of frame lengths"),
    Phrase::amount("destination_ports_per_packet", "{} as many destination ports as packets"),
    Phrase::amount("source_ports_per_packet", "{} as many source ports as packets"),
    Phrase::amount("source_ports_per_destination_port", "{} source ports for each destination port"),
    Phrase::truth("to_name_server", "it goes to port 53, DNS", "it does not go to port 53, DNS"),
    Phrase::truth("from_name_server", "it comes from port 53, DNS", "it does not come from port 53, DNS"),
    Phrase::amount("source_flows_per_destination", "{} flows to each destination of the source"),
    Phrase::amount("source_ports_per_destination", "{} ports for each destination of the source"),
    Phrase::amount("destination_packets_per_source", "{} packets from each source of the destination"),
    Phrase::amount("share_of_destination", "{} of the packets to the destination are of this flow")
        .back("{} of the packets to the destination in this flow"),
    Phrase::amount("arp_reply_share", "{} of the ARP packets are replies").back("{} replies among the ARP packets"),
    Phrase::count("arp_replies_unrequested", "{} ARP (reply|replies) that nobody asked for"),
    Phrase::truth("to_login_service", "it goes to a service with logins", "it does not go to a service with logins"),
    Phrase::truth("to_web_service", "it goes to a web service", "it does not go to a web service"),
    Phrase::amount("half_open_share", "{} of its SYN get no SYN-ACK").back("{} of its SYN without a SYN-ACK"),
    Phrase::amount("packets_per_connection", "{} packets a connection"),
    Phrase::amount("octets_per_connection", "{} octets a connection"),
    Phrase::amount("active_share", "{} of its seconds have packets").back("{} of its seconds with packets"),
    Phrase::amount("source_packets_per_flow", "{} packets in each flow of the source"),
    Phrase::amount("share_of_source", "{} of the source's packets are of this flow")
        .back("{} of the source's packets in this flow"),
    Phrase::amount("source_icmp_report_share", "the source gets {} ICMP packets for each packet that it sends")
        .back("{} ICMP packets to the source for each packet that it sends"),
    Phrase::amount("dns_share", "{} of the packets are DNS messages").back("{} DNS messages among the packets"),
    Phrase::amount("dns_per_active_second", "{} DNS messages in each second with packets"),
    Phrase::amount("dns_names_per_message", "{} as many DNS names as messages"),
    Phrase::amount("dns_names_per_domain", "{} names in each DNS domain"),
    Phrase::amount("dns_name_length", "{} octets a DNS name"),
    Phrase::amount("dns_label_length", "{} octets in the first label of a DNS name"),
    Phrase::amount("dns_name_entropy", "{} bits of entropy in a DNS name"),
    Phrase::amount("dns_digit_share", "{} of the characters of DNS names are digits")
        .back("{} digits among the characters of DNS names"),
];
