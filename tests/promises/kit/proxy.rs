//! A proxy between a service and PostgreSQL that follows their protocol, so that a fault comes at a named step of a named
//! session, or at a named byte. The service has no failpoints; it sees what a network and a server do.
//!
//! A **trap** holds the message that it waits for: it was read, and not yet delivered (or just delivered). The test then
//! does what it likes (kill the service, end the backend, wait) and says what becomes of the message. A **leak** lets a
//! number of bytes of a new session pass and then cuts it, or swallows all that follows.

mod link;
mod wire;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use link::Link;
use wire::Message;

/// A test that forgets a held message must not hang.
const HOLD_MAX: Duration = Duration::from_mins(1);

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// From the service to the server.
    Up,
    /// From the server to the service.
    Down,
}

/// A message on its way, and what its session did before.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// What the session is for: the second part of its `application_name`.
    pub role: &'a str,
    /// Which way.
    pub direction: Direction,
    /// The message.
    pub message: &'a Message,
    /// Messages of copied data that the session has sent since its transaction began, this one included.
    pub copied: usize,
}

/// What to do with a held message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Decision {
    Forward,
    Cut,
    /// Neither this message nor those after it arrive, until one is an error.
    Withhold,
}

/// A message that a trap holds. Dropped, its session is cut.
#[derive(Debug)]
pub struct Held {
    /// The server's process.
    pub backend: i32,
    decide: SyncSender<Decision>,
}

impl Held {
    /// Lets the message go on, and all after it.
    pub fn forward(self) {
        self.decide(Decision::Forward);
    }

    /// Cuts the session, in both directions.
    pub fn cut(self) {
        self.decide(Decision::Cut);
    }

    /// Loses this message and those after it, until one is an error.
    pub fn withhold(self) {
        self.decide(Decision::Withhold);
    }

    fn decide(self, decision: Decision) {
        // Its session may be gone already.
        self.decide.try_send(decision).ok();
    }
}

/// A trap that was set.
#[derive(Debug)]
pub struct Trap(Receiver<Held>);

impl Trap {
    /// Waits until a message is in the trap.
    #[track_caller]
    pub fn held(self) -> Held {
        self.0.recv_timeout(HOLD_MAX).expect("the step at which the fault is to come was never reached")
    }
}

type Wanted = Box<dyn Fn(&Passing<'_>) -> bool + Send>;

struct SetTrap {
    wanted: Wanted,
    /// Whether the message is delivered before it is held.
    after: bool,
    caught: SyncSender<Held>,
}

/// Some bytes, then nothing.
#[derive(Clone, Debug)]
struct Leak {
    role: String,
    direction: Direction,
    bytes: u64,
    /// Cut; otherwise all that follows is swallowed.
    cuts: bool,
    sprung: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    traps: Vec<SetTrap>,
    leaks: Vec<Leak>,
    links: Vec<Weak<Link>>,
    messages: HashMap<(String, Direction, String), u64>,
    bytes: HashMap<(String, Direction), u64>,
}

struct Shared {
    server: Mutex<SocketAddr>,
    state: Mutex<State>,
    is_over: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proxy on the loopback interface. Dropped, it cuts all sessions.
pub struct Proxy {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// In front of the database that this URL names.
    pub fn to(url: &str) -> Self {
        let (user, place) = url.split_once('@').unwrap();
        let (host, name) = place.split_once('/').unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            server: Mutex::new(host.parse().unwrap()),
            state: Mutex::default(),
            is_over: AtomicBool::new(false),
        };
        let this = Self { url: format!("{user}@{address}/{name}"), address, shared: Arc::new(shared) };
        let shared = Arc::clone(&this.shared);
        std::thread::spawn(move || link::accept(&listener, &shared));
        this
    }

    /// The setting that sends a service through it.
    pub fn setting(&self) -> String {
        format!("database.url={}", self.url)
    }

    /// Sends new sessions to the server on another port, as after a failover.
    pub fn send_to(&self, port: u16) {
        *self.shared.server.lock().unwrap() = (Ipv4Addr::LOCALHOST, port).into();
    }

    /// Holds the next message that is `wanted`, before it is delivered.
    pub fn hold(&self, wanted: impl Fn(&Passing<'_>) -> bool + Send + 'static) -> Trap {
        self.set_trap(Box::new(wanted), false)
    }

    /// Holds what comes after the next message that is `wanted`, in its direction.
    pub fn hold_after(&self, wanted: impl Fn(&Passing<'_>) -> bool + Send + 'static) -> Trap {
        self.set_trap(Box::new(wanted), true)
    }

    fn set_trap(&self, wanted: Wanted, after: bool) -> Trap {
        let (caught, held) = sync_channel(1);
        self.shared.state().traps.push(SetTrap { wanted, after, caught });
        Trap(held)
    }

    /// Cuts the next session for `role` that is opened, once so many bytes have passed. The answer becomes true then.
    pub fn cut_after(&self, role: &str, direction: Direction, bytes: u64) -> Arc<AtomicBool> {
        self.leak(role, direction, bytes, true)
    }

    /// Swallows, without a word, what the next session for `role` that is opened sends after so many bytes.
    pub fn stall_after(&self, role: &str, direction: Direction, bytes: u64) -> Arc<AtomicBool> {
        self.leak(role, direction, bytes, false)
    }

    fn leak(&self, role: &str, direction: Direction, bytes: u64, cuts: bool) -> Arc<AtomicBool> {
        let sprung = Arc::new(AtomicBool::new(false));
        let leak = Leak { role: role.to_owned(), direction, bytes, cuts, sprung: Arc::clone(&sprung) };
        self.shared.state().leaks.push(leak);
        sprung
    }

    /// Cuts all sessions that are open.
    pub fn cut_all(&self) {
        let links: Vec<_> = std::mem::take(&mut self.shared.state().links);
        links.iter().filter_map(Weak::upgrade).for_each(|link| link.cut());
    }

    /// How many messages of this kind have passed: named by the first word of their SQL or tag, else by their type.
    pub fn messages(&self, role: &str, direction: Direction, kind: &str) -> u64 {
        self.shared.state().messages.get(&(role.to_owned(), direction, kind.to_owned())).copied().unwrap_or(0)
    }

    /// How many bytes have passed.
    pub fn bytes(&self, role: &str, direction: Direction) -> u64 {
        self.shared.state().bytes.get(&(role.to_owned(), direction)).copied().unwrap_or(0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes up whoever accepts.
        if let Ok(stream) = TcpStream::connect(self.address) {
            stream.shutdown(Shutdown::Both).ok();
        }
        self.cut_all();
    }
}
