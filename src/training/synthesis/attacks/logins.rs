//! What a failed login looks like on a connection, service by service.

use super::senders::port;
use crate::training::synthesis::Scene;
use crate::training::synthesis::wire::{End, Exchange};

/// One connection of a guesser.
#[derive(Clone, Debug)]
pub struct Login {
    /// Where the service listens.
    pub port: u16,
    /// Before the first try.
    pub greeting: Vec<Exchange>,
    /// One try that fails.
    pub tried: Vec<Exchange>,
    /// Tries on one connection.
    pub tries: usize,
    /// How it ends.
    pub end: End,
}

/// So many octets asked, so many answered, the server takes so long.
fn exchange(scene: &mut Scene, asked: [usize; 2], answered: [usize; 2], takes: [f64; 2]) -> Exchange {
    let octets = |scene: &mut Scene, [low, high]: [usize; 2]| if high == 0 { 0 } else { scene.count(low.max(1), high) };
    Exchange {
        asked: octets(scene, asked),
        answered: octets(scene, answered),
        server_takes: scene.about(takes[0], takes[1]),
        client_takes: scene.about(0.000_1, 0.02),
    }
}

const NOTHING: [usize; 2] = [0, 0];
const AT_ONCE: [f64; 2] = [0.000_1, 0.02];
/// A failed login is told late where the service wants to slow guessers down.
const LATE: [f64; 2] = [0.005, 3.0];

fn of(scene: &mut Scene, port: u16, most: usize, greeting: Vec<Exchange>, tried: Vec<Exchange>) -> Login {
    let on_one = if scene.chance(0.4) { 1 } else { scene.count(1, most) };
    let end = scene.one_of(&[End::ByClient, End::ByClient, End::ByServer, End::Reset]);
    Login { port, greeting, tried, tries: on_one, end }
}

/// SSH: banners, two key exchange messages, the service, then tries.
pub fn ssh(scene: &mut Scene) -> Login {
    let port = if scene.chance(0.6) { 22 } else { scene.one_of(&[2_222, 902, 222, 2_022, 22_222, 8_022]) };
    let greeting = vec![
        exchange(scene, NOTHING, [21, 45], AT_ONCE),
        exchange(scene, [18, 45], [500, 1_200], AT_ONCE),
        exchange(scene, [400, 1_600], NOTHING, AT_ONCE),
        exchange(scene, [48, 1_300], [300, 1_700], AT_ONCE),
        exchange(scene, [16, 84], [28, 64], AT_ONCE),
    ];
    let tried = vec![exchange(scene, [64, 164], [44, 100], LATE)];
    of(scene, port, 6, greeting, tried)
}

/// FTP: the server speaks first.
pub fn ftp(scene: &mut Scene) -> Login {
    let port = if scene.chance(0.85) { 21 } else { port(scene, 1_024, 9_999) };
    let greeting = vec![exchange(scene, NOTHING, [20, 330], AT_ONCE)];
    let tried = vec![exchange(scene, [10, 25], [25, 60], AT_ONCE), exchange(scene, [10, 30], [22, 45], LATE)];
    of(scene, port, 6, greeting, tried)
}

/// Telnet: options, then a name and a password, by the line or by the key.
pub fn telnet(scene: &mut Scene) -> Login {
    let port = if scene.chance(0.8) { 23 } else { scene.one_of(&[2_323, 2_023, 9_023]) };
    let mut greeting = vec![exchange(scene, NOTHING, [3, 40], AT_ONCE)];
    for _ in 0..scene.count(1, 4) {
        greeting.push(exchange(scene, [3, 40], [3, 60], AT_ONCE));
    }
    let mut tried = Vec::new();
    if scene.chance(0.2) {
        for _ in 0..scene.count(3, 8) {
            tried.push(exchange(scene, [1, 1], [1, 1], AT_ONCE));
        }
    }
    tried.push(exchange(scene, [5, 16], [10, 30], AT_ONCE));
    tried.push(exchange(scene, [4, 20], [20, 60], LATE));
    of(scene, port, 4, greeting, tried)
}

/// SMTP, POP3 and IMAP.
pub fn mail(scene: &mut Scene) -> Login {
    let port = scene.one_of(&[25, 587, 110, 143, 110, 143, 2_525]);
    let mut greeting = vec![exchange(scene, NOTHING, [15, 120], AT_ONCE)];
    if scene.chance(0.7) {
        greeting.push(exchange(scene, [6, 30], [30, 250], AT_ONCE));
    }
    let mut tried = vec![exchange(scene, [10, 60], [5, 30], AT_ONCE)];
    tried.push(exchange(scene, [6, 60], [20, 80], LATE));
    of(scene, port, 5, greeting, tried)
}

/// MQTT: CONNECT is refused by four octets.
pub fn mqtt(scene: &mut Scene) -> Login {
    let port = if scene.chance(0.85) { 1_883 } else { port(scene, 1_024, 20_000) };
    let tried = vec![exchange(scene, [24, 110], [4, 11], [0.000_2, 0.3])];
    let end = scene.one_of(&[End::ByServer, End::ByServer, End::ByClient, End::Reset]);
    Login { port, greeting: Vec::new(), tried, tries: 1, end }
}

/// A form: the page or not, then POST, answered by a page or a redirect of always about the same size.
pub fn http_form(scene: &mut Scene) -> Login {
    let port = web_port(scene);
    let answered = scene.count(180, 9_000);
    let mut tried = Vec::new();
    let takes = [0.002, 0.6];
    if scene.chance(0.4) {
        // The page with the token of the form.
        tried.push(exchange(scene, [120, 600], [800, 12_000], takes));
    }
    tried.push(exchange(scene, [200, 900], [answered, answered + 20], takes));
    if scene.chance(0.3) {
        // The redirect is followed.
        tried.push(exchange(scene, [150, 600], [500, 12_000], takes));
    }
    let most = if scene.chance(0.5) { 1 } else { 100 };
    of(scene, port, most, Vec::new(), tried)
}

/// HTTP with Authorization, answered 401.
pub fn http_basic(scene: &mut Scene) -> Login {
    let port = web_port(scene);
    let answered = scene.count(150, 900);
    let tried = vec![exchange(scene, [100, 450], [answered, answered + 10], [0.000_3, 0.1])];
    let most = if scene.chance(0.5) { 1 } else { 100 };
    of(scene, port, most, Vec::new(), tried)
}

fn web_port(scene: &mut Scene) -> u16 {
    if scene.chance(0.65) { 80 } else { scene.one_of(&[8_080, 443, 8_000, 8_888, 5_000, 81, 7_001]) }
}

/// Remote desktop: connection request, TLS, credentials.
pub fn rdp(scene: &mut Scene) -> Login {
    let port = if scene.chance(0.85) { 3_389 } else { port(scene, 3_390, 33_900) };
    let greeting = vec![
        exchange(scene, [19, 47], [11, 19], AT_ONCE),
        exchange(scene, [110, 520], [700, 1_500], AT_ONCE),
        exchange(scene, [100, 400], [50, 120], AT_ONCE),
    ];
    let tried = vec![exchange(scene, [90, 180], [200, 400], AT_ONCE), exchange(scene, [400, 700], [30, 110], LATE)];
    of(scene, port, 1, greeting, tried)
}

/// SMB: negotiate, then a session set up in two steps.
pub fn smb(scene: &mut Scene) -> Login {
    let port = scene.one_of(&[445, 445, 445, 139]);
    let greeting = vec![exchange(scene, [73, 250], [130, 520], AT_ONCE)];
    let tried = vec![exchange(scene, [140, 230], [250, 420], AT_ONCE), exchange(scene, [300, 620], [73, 130], AT_ONCE)];
    of(scene, port, 5, greeting, tried)
}

/// `MySQL`, PostgreSQL, SQL Server, Redis, VNC.
pub fn databases(scene: &mut Scene) -> Login {
    match scene.below(5) {
        0 => {
            let greeting = vec![exchange(scene, NOTHING, [70, 115], AT_ONCE)];
            let tried = vec![exchange(scene, [60, 230], [60, 110], AT_ONCE)];
            of(scene, 3_306, 1, greeting, tried)
        }
        1 => {
            let greeting = vec![exchange(scene, [8, 110], [1, 30], AT_ONCE)];
            let tried = vec![exchange(scene, [40, 110], [80, 130], LATE)];
            of(scene, 5_432, 1, greeting, tried)
        }
        2 => {
            let greeting = vec![exchange(scene, [47, 94], [43, 48], AT_ONCE)];
            let tried = vec![exchange(scene, [180, 420], [90, 220], AT_ONCE)];
            of(scene, 1_433, 1, greeting, tried)
        }
        3 => {
            let tried = vec![exchange(scene, [25, 60], [20, 90], AT_ONCE)];
            of(scene, 6_379, 200, Vec::new(), tried)
        }
        _ => {
            let greeting =
                vec![exchange(scene, NOTHING, [12, 12], AT_ONCE), exchange(scene, [12, 13], [2, 16], AT_ONCE)];
            let tried = vec![exchange(scene, [16, 17], [4, 40], LATE)];
            of(scene, 5_900, 3, greeting, tried)
        }
    }
}
