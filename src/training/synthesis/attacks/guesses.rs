//! Brute force: the same login tried again and again.

use super::logins::{self, Login};
use super::pace::Span;
use super::senders::customers;
use crate::training::synthesis::Scene;
use crate::training::synthesis::scene::{Host, Path};
use crate::training::synthesis::wire::{End, Exchange, Pair, Reception};

const LABEL: &str = "Brute Force";

/// Who guesses, where, and how much.
struct Guessers {
    attackers: Vec<Host>,
    victims: Vec<Host>,
    /// Connections at the same time.
    parallel: usize,
    /// Connections begun a second, all together, if the victims answer soon enough.
    rate: f64,
}

impl Guessers {
    /// One against one at 0.1 to 80 a second.
    fn draw(scene: &mut Scene) -> Self {
        let (attackers, victims) = (vec![scene.any_host()], vec![scene.local_host()]);
        let parallel = if scene.chance(0.4) { 1 } else { scene.count(1, 32) };
        Self { attackers, victims, parallel, rate: scene.about(0.1, 80.0) }
    }
}

/// The connections of all guessers until the end.
fn guess(scene: &mut Scene, login: &Login, guessers: &Guessers) {
    if scene.chance(0.3) {
        customers(scene, guessers.victims[0], login.port);
        scene.attack(LABEL);
    }
    let path = scene.path();
    let span = Span::draw(scene);
    let apart = guessers.parallel as f64 / guessers.rate;
    let off = scene.between(0.05, 1.0);
    let refused = if scene.chance(0.15) { scene.between(0.0, 0.5) } else { 0.0 };
    let mut free: Vec<f64> = (0..guessers.parallel).map(|_| span.begin + scene.between(0.0, apart.min(5.0))).collect();
    for _ in 0..scene.count(500, 3_000) {
        let Some(next) = (0..free.len()).min_by(|&one, &other| free[one].total_cmp(&free[other])) else { return };
        if free[next] > span.end {
            return;
        }
        let (client, server) = (scene.one_of(&guessers.attackers), scene.one_of(&guessers.victims));
        let pair = Pair { client, client_port: scene.ephemeral_port(), server, server_port: login.port };
        let reception = if scene.chance(refused) { Reception::Refuses } else { Reception::Accepts };
        let over = attempt(scene, free[next], &pair, &path, login, reception);
        free[next] = over.max(free[next] + apart * (1.0 + scene.between(-off, off))) + scene.about(0.000_1, 0.01);
    }
}

/// One connection: the greeting and the tries, whose sizes differ by the length of names and passwords.
fn attempt(scene: &mut Scene, at: f64, pair: &Pair, path: &Path, login: &Login, reception: Reception) -> f64 {
    let mut exchanges: Vec<Exchange> = login.greeting.clone();
    for _ in 0..login.tries {
        for &step in &login.tried {
            let asked = if step.asked > 4 { step.asked + scene.below(8) } else { step.asked };
            let server_takes = step.server_takes * scene.between(0.7, 1.4);
            exchanges.push(Exchange { asked, server_takes, ..step });
        }
    }
    let end = if scene.chance(0.05) { End::Open } else { login.end };
    scene.connection(at, pair, path, reception, &exchanges, end)
}

/// SSH on its own port or an odd one.
pub fn ssh(scene: &mut Scene) {
    let (login, guessers) = (logins::ssh(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// FTP.
pub fn ftp(scene: &mut Scene) {
    let (login, guessers) = (logins::ftp(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// Telnet.
pub fn telnet(scene: &mut Scene) {
    let (login, guessers) = (logins::telnet(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// Mail boxes and relays.
pub fn mail(scene: &mut Scene) {
    let (login, guessers) = (logins::mail(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// A broker of messages.
pub fn mqtt(scene: &mut Scene) {
    let (login, guessers) = (logins::mqtt(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// A web form, quickly.
pub fn http_form(scene: &mut Scene) {
    let (login, guessers) = (logins::http_form(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// A web form by a tool that waits 1 to 10 seconds between two tries.
pub fn http_form_slowly(scene: &mut Scene) {
    let login = Login { tries: 1, ..logins::http_form(scene) };
    let guessers = Guessers { parallel: 1, rate: scene.about(0.1, 1.0), ..Guessers::draw(scene) };
    guess(scene, &login, &guessers);
}

/// A web form with all tries on few connections that stay open.
pub fn http_form_kept_alive(scene: &mut Scene) {
    let mut login = logins::http_form(scene);
    let waits = scene.about(0.001, 5.0);
    if let Some(last) = login.tried.last_mut() {
        last.client_takes = waits;
    }
    login.tries = scene.count(5, 200);
    let parallel = scene.count(1, 8);
    let guessers = Guessers { parallel, rate: scene.about(0.1, 5.0), ..Guessers::draw(scene) };
    guess(scene, &login, &guessers);
}

/// HTTP's own authentication.
pub fn http_basic(scene: &mut Scene) {
    let (login, guessers) = (logins::http_basic(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// Remote desktop.
pub fn rdp(scene: &mut Scene) {
    let (login, guessers) = (logins::rdp(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// Shares of files.
pub fn smb(scene: &mut Scene) {
    let (login, guessers) = (logins::smb(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

/// Databases.
pub fn databases(scene: &mut Scene) {
    let (login, guessers) = (logins::databases(scene), Guessers::draw(scene));
    guess(scene, &login, &guessers);
}

fn any_login(scene: &mut Scene) -> Login {
    let draw = scene.one_of(&[
        logins::ssh,
        logins::ftp,
        logins::telnet,
        logins::mail,
        logins::http_form,
        logins::http_basic,
        logins::rdp,
        logins::smb,
        logins::databases,
    ]);
    draw(scene)
}

/// A few passwords over several hosts.
pub fn sprayed(scene: &mut Scene) {
    let login = any_login(scene);
    let victims = (0..scene.count(2, 15)).map(|_| scene.local_host()).collect();
    let guessers = Guessers { victims, rate: scene.about(0.5, 80.0), ..Guessers::draw(scene) };
    guess(scene, &login, &guessers);
}

/// Several sources take turns at one host.
pub fn by_many(scene: &mut Scene) {
    let login = any_login(scene);
    let attackers = (0..scene.count(2, 12)).map(|_| scene.distant_host()).collect();
    let guessers = Guessers { attackers, rate: scene.about(0.5, 80.0), ..Guessers::draw(scene) };
    guess(scene, &login, &guessers);
}
