//! Attacks by their mechanism, a file for each kind; what they share is in `pace`, `senders` and `logins`.

use super::{Doing, Scene};

mod floods;
mod guesses;
mod held;
mod logins;
mod pace;
mod poison;
mod scans;
mod senders;
mod sweeps;
mod tunnels;
mod web_floods;

const fn scan(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "Port Scanning", enact }
}

const fn flood(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "DDoS", enact }
}

const fn guess(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "Brute Force", enact }
}

const fn poison(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "ARP Poisoning", enact }
}

const fn hold(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "Slowloris", enact }
}

const fn tunnel(name: &'static str, enact: fn(&mut Scene)) -> Doing {
    Doing { name, label: "DNS Tunnel", enact }
}

/// All attacks.
pub const ALL: &[Doing] = &[
    scan("scan_syn_ports", scans::syn_ports),
    scan("scan_connect", scans::connect),
    scan("scan_stealth", scans::stealth),
    scan("scan_ack", scans::ack),
    scan("scan_slow", scans::slow),
    scan("scan_datagrams", scans::datagrams),
    scan("scan_versions", scans::versions),
    scan("scan_sweep_echo", sweeps::echo),
    scan("scan_sweep_syn", sweeps::syn),
    scan("scan_sweep_ack", sweeps::ack),
    scan("scan_sweep_datagrams", sweeps::datagrams),
    scan("scan_sweep_nmap_discovery", sweeps::nmap_discovery),
    scan("scan_sweep_ports_of_many", sweeps::ports_of_many),
    scan("scan_sweep_worm", sweeps::worm),
    flood("flood_syn", floods::syn),
    flood("flood_syn_forged", floods::syn_forged),
    flood("flood_flags", floods::flags),
    flood("flood_flags_forged", floods::flags_forged),
    flood("flood_datagrams", floods::datagrams),
    flood("flood_datagrams_forged", floods::datagrams_forged),
    flood("flood_echo", floods::echo),
    flood("flood_echo_forged", floods::echo_forged),
    flood("flood_echo_reflected", floods::echo_reflected),
    flood("flood_botnet", floods::botnet),
    flood("flood_land", floods::land),
    flood("flood_reflected", floods::reflected),
    flood("flood_reflected_syn", floods::reflected_syn),
    flood("flood_web_gets", web_floods::gets),
    flood("flood_web_gets_by_many", web_floods::gets_by_many),
    flood("flood_web_gets_at_several", web_floods::gets_at_several),
    flood("flood_web_posts", web_floods::posts),
    flood("flood_web_kept_alive", web_floods::kept_alive),
    flood("flood_web_slow_gets", web_floods::slow_gets),
    flood("flood_web_slow_kept_alive", web_floods::slow_kept_alive),
    flood("flood_web_handshakes", web_floods::handshakes),
    flood("flood_web_connections", web_floods::connections),
    flood("flood_web_refused", web_floods::refused),
    flood("flood_web_data", web_floods::data),
    guess("guess_ssh", guesses::ssh),
    guess("guess_ftp", guesses::ftp),
    guess("guess_telnet", guesses::telnet),
    guess("guess_mail", guesses::mail),
    guess("guess_mqtt", guesses::mqtt),
    guess("guess_http_form", guesses::http_form),
    guess("guess_http_form_slowly", guesses::http_form_slowly),
    guess("guess_http_form_kept_alive", guesses::http_form_kept_alive),
    guess("guess_http_basic", guesses::http_basic),
    guess("guess_rdp", guesses::rdp),
    guess("guess_smb", guesses::smb),
    guess("guess_databases", guesses::databases),
    guess("guess_sprayed", guesses::sprayed),
    guess("guess_by_many", guesses::by_many),
    poison("poison_replies", poison::replies),
    poison("poison_many_victims", poison::many_victims),
    poison("poison_requests", poison::requests),
    poison("poison_quick_then_slow", poison::quick_then_slow),
    poison("poison_few_frames", poison::few_frames),
    poison("poison_announcements", poison::announcements),
    poison("poison_answers", poison::answers),
    poison("poison_flood", poison::flood),
    hold("hold_headers", held::headers),
    hold("hold_bodies", held::bodies),
    hold("hold_silent", held::silent),
    hold("hold_slow_reads", held::slow_reads),
    tunnel("tunnel_upload", tunnels::upload),
    tunnel("tunnel_download", tunnels::download),
    tunnel("tunnel_both_ways", tunnels::both_ways),
    tunnel("tunnel_shell", tunnels::shell),
    tunnel("tunnel_spelled", tunnels::spelled),
    tunnel("tunnel_several", tunnels::several),
];

#[cfg(test)]
mod tests;
