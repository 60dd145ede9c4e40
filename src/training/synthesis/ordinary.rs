//! What hosts do all day, above all what looks like an attack to a counter.

use super::{Doing, Scene};

mod announcements;
mod arp;
mod echoes;
mod failures;
mod habits;
mod held;
mod logins;
mod names;
mod office;
mod peers;
mod services;
mod steady;
mod transfers;
mod web;

/// All ordinary doings.
pub const ALL: &[Doing] = &[
    doing("name_lookups", names::lookups),
    doing("name_recursion", names::recursion),
    doing("name_popular_server", names::popular_server),
    doing("name_clocks", names::clocks),
    doing("name_long", names::long_names),
    doing("name_mail", names::mail_lookups),
    doing("announcement_services", announcements::services),
    doing("announcement_addresses", announcements::addresses),
    doing("announcement_greetings", announcements::greetings),
    doing("announcement_neighbours", announcements::neighbours),
    doing("announcement_video", announcements::multicast_video),
    doing("web_browsing", web::browsing),
    doing("web_pages", web::pages),
    doing("web_interface_polling", web::interface_polling),
    doing("web_smart_home", web::smart_home),
    doing("web_server", web::web_server),
    doing("web_reverse_proxy", web::reverse_proxy),
    doing("web_crawler", web::crawler),
    doing("web_health_checks", web::health_checks),
    doing("transfer_loads", transfers::loads),
    doing("transfer_streaming", transfers::streaming),
    doing("transfer_quic", transfers::quic),
    doing("transfer_file_share", transfers::file_share),
    doing("transfer_measurement", transfers::measurement),
    doing("held_messages", held::messages),
    doing("held_keep_alives", held::keep_alives),
    doing("held_long_polls", held::long_polls),
    doing("held_idle_pools", held::idle_pools),
    doing("held_slow_uploads", held::slow_uploads),
    doing("failure_service_down", failures::service_down),
    doing("failure_dead_hosts", failures::dead_hosts),
    doing("failure_happy_eyeballs", failures::happy_eyeballs),
    doing("failure_leftovers", failures::leftovers),
    doing("failure_spare_connections", failures::spare_connections),
    doing("login_terminals", logins::terminals),
    doing("login_screens", logins::screens),
    doing("login_copies", logins::copies),
    doing("login_fetches", logins::fetches),
    doing("login_mail_polling", logins::mail_polling),
    doing("login_mail_server", logins::mail_server),
    doing("login_file_transfers", logins::file_transfers),
    doing("service_database_pools", services::database_pools),
    doing("service_database_questions", services::database_questions),
    doing("service_sensors", services::sensors),
    doing("service_reconnecting_devices", services::reconnecting_devices),
    doing("service_monitoring", services::monitoring),
    doing("service_automation", services::automation),
    doing("service_scrapes", services::scrapes),
    doing("office_logons", office::logons),
    doing("office_web_proxy", office::web_proxy),
    doing("office_telephones", office::telephones),
    doing("office_printers", office::printers),
    doing("office_parts", office::parts),
    doing("peers_swarm_questions", peers::swarm_questions),
    doing("peers_swarm_connections", peers::swarm_connections),
    doing("peers_swarm_callers", peers::swarm_callers),
    doing("peers_gateway", peers::gateway),
    doing("peers_calls", peers::calls),
    doing("peers_tunnel", peers::tunnel),
    doing("peers_games", peers::games),
    doing("peers_updates", peers::updates),
    doing("echo_monitoring", echoes::monitoring),
    doing("echo_steady", echoes::steady),
    doing("echo_route_tracing", echoes::route_tracing),
    doing("echo_unreachable_reports", echoes::unreachable_reports),
    doing("echo_backscatter", echoes::backscatter),
    doing("steady_voices", steady::voices),
    doing("steady_pictures", steady::pictures),
    doing("steady_collector", steady::collector),
    doing("steady_figures", steady::figures),
    doing("steady_machines", steady::machines),
    doing("steady_machine_states", steady::machine_states),
    doing("steady_nameless", steady::nameless),
    doing("steady_heartbeats", steady::heartbeats),
    doing("arp_resolutions", arp::resolutions),
    doing("arp_confirmations", arp::confirmations),
    doing("arp_inventory", arp::inventory),
    doing("arp_gone_neighbours", arp::gone_neighbours),
    doing("arp_announcements", arp::announcements),
    doing("arp_steady_announcements", arp::steady_announcements),
    doing("arp_several_addresses", arp::several_addresses),
    doing("arp_failovers", arp::failovers),
    doing("arp_answers_alone", arp::answers_alone),
    doing("arp_address_conflict", arp::address_conflict),
];

#[cfg(test)]
mod tests;

const fn doing(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "Normal", enact }
}
