//! A session that goes through the proxy: two sockets, and a thread for each direction.

use std::io::{self, BufReader, BufWriter, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, PoisonError};

use super::wire::{self, Message};
use super::{Decision, Direction, HOLD_MAX, Held, Leak, Passing, SetTrap, Shared};

/// A session.
pub struct Link {
    role: String,
    client: TcpStream,
    server: TcpStream,
    /// The server's process, once it is known.
    backend: AtomicI32,
    /// Messages of copied data since the transaction began.
    copied: AtomicUsize,
}

impl Link {
    /// Ends it in both directions.
    pub fn cut(&self) {
        for socket in [&self.client, &self.server] {
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Takes sessions until the proxy is over.
pub fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.is_over.load(Ordering::Acquire) {
            return;
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        // A session that cannot be opened is one that the service finds closed.
        std::thread::spawn(move || open(client, &shared));
    }
}

fn open(mut client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut startup = wire::read_startup(&mut client)?;
    while wire::asks_for_tls(&startup) {
        client.write_all(b"N")?;
        startup = wire::read_startup(&mut client)?;
    }
    let address = *shared.server.lock().unwrap_or_else(PoisonError::into_inner);
    let server = TcpStream::connect(address)?;
    server.set_nodelay(true)?;
    let role = wire::role(&startup);
    let link = Arc::new(Link { role, client, server, backend: AtomicI32::new(0), copied: AtomicUsize::new(0) });
    let leak = {
        let mut state = shared.state();
        state.links.retain(|link| link.strong_count() > 0);
        state.links.push(Arc::downgrade(&link));
        let found = state.leaks.iter().position(|leak| leak.role == link.role);
        found.map(|index| state.leaks.remove(index))
    };
    let of = |direction| leak.clone().filter(|leak| leak.direction == direction);
    let down = Relay::new(&link, shared, Direction::Down, of(Direction::Down));
    std::thread::spawn(move || down.run(None));
    Relay::new(&link, shared, Direction::Up, of(Direction::Up)).run(Some(&startup));
    if let Some(leak) = leak.filter(|leak| !leak.sprung.load(Ordering::Acquire)) {
        // It ended before so many bytes had passed: the next one, then.
        shared.state().leaks.push(leak);
    }
    Ok(())
}

/// One direction of a session.
struct Relay {
    link: Arc<Link>,
    shared: Arc<Shared>,
    direction: Direction,
    leak: Option<Leak>,
    delivered: u64,
    /// A leak has sprung that swallows.
    is_stalled: bool,
    /// Only an error goes on.
    is_withheld: bool,
}

impl Relay {
    fn new(link: &Arc<Link>, shared: &Arc<Shared>, direction: Direction, leak: Option<Leak>) -> Self {
        let (link, shared) = (Arc::clone(link), Arc::clone(shared));
        Self { link, shared, direction, leak, delivered: 0, is_stalled: false, is_withheld: false }
    }

    /// Until either side is gone, or cut.
    fn run(mut self, startup: Option<&[u8]>) {
        let ended = self.relay(startup);
        // A server that hangs up on a stalled session is not heard either; a service that does is found out.
        if !self.is_stalled || self.direction == Direction::Up {
            self.link.cut();
        }
        drop(ended);
    }

    fn relay(&mut self, startup: Option<&[u8]>) -> io::Result<()> {
        let link = Arc::clone(&self.link);
        let (from, to) = match self.direction {
            Direction::Up => (&link.client, &link.server),
            Direction::Down => (&link.server, &link.client),
        };
        let mut reader = BufReader::with_capacity(1 << 16, from);
        let mut writer = BufWriter::with_capacity(1 << 16, to);
        if let Some(startup) = startup {
            self.deliver(&mut writer, startup)?;
            writer.flush()?;
        }
        loop {
            let message = wire::read_message(&mut reader)?;
            self.pass(&mut writer, &message)?;
            if reader.buffer().is_empty() {
                writer.flush()?;
            }
        }
    }

    fn pass(&mut self, writer: &mut impl Write, message: &Message) -> io::Result<()> {
        let trap = self.follow(message);
        let Some(SetTrap { after, caught, .. }) = trap else { return self.deliver(writer, &message.bytes) };
        if after {
            self.deliver(writer, &message.bytes)?;
        }
        writer.flush()?;
        let (decide, decision) = sync_channel(1);
        let held = Held { backend: self.link.backend.load(Ordering::Acquire), decide };
        caught.try_send(held).map_err(|_| io::ErrorKind::BrokenPipe)?;
        match decision.recv_timeout(HOLD_MAX).unwrap_or(Decision::Cut) {
            Decision::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
            Decision::Forward if after => Ok(()),
            Decision::Forward => self.deliver(writer, &message.bytes),
            Decision::Withhold => {
                self.is_withheld = true;
                Ok(())
            }
        }
    }

    /// Learns from a message and counts it. Gives the trap that wants it.
    fn follow(&self, message: &Message) -> Option<SetTrap> {
        let link = &*self.link;
        match (self.direction, message.tag) {
            (Direction::Up, b'Q') if message.text().starts_with("START TRANSACTION") => {
                link.copied.store(0, Ordering::Release);
            }
            (Direction::Up, b'd') => {
                link.copied.fetch_add(1, Ordering::AcqRel);
            }
            (Direction::Down, b'K') => {
                link.backend.store(message.backend().unwrap_or(0), Ordering::Release);
            }
            _ => {}
        }
        let passing = Passing {
            role: &link.role,
            direction: self.direction,
            message,
            copied: link.copied.load(Ordering::Acquire),
        };
        let mut state = self.shared.state();
        *state.messages.entry((link.role.clone(), self.direction, message.kind())).or_default() += 1;
        let found = state.traps.iter().position(|trap| (trap.wanted)(&passing));
        found.map(|index| state.traps.remove(index))
    }

    fn deliver(&mut self, writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        let is_error = bytes.first() == Some(&b'E');
        if self.is_stalled || (self.is_withheld && !is_error) {
            return Ok(());
        }
        self.is_withheld = false;
        let left = self.leak.as_ref().map_or(u64::MAX, |leak| leak.bytes - self.delivered);
        let some = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        writer.write_all(&bytes[..some])?;
        self.delivered += some as u64;
        let key = (self.link.role.clone(), self.direction);
        *self.shared.state().bytes.entry(key).or_default() += some as u64;
        let Some(leak) = self.leak.as_ref().filter(|leak| self.delivered == leak.bytes) else { return Ok(()) };
        writer.flush()?;
        leak.sprung.store(true, Ordering::Release);
        self.is_stalled = !leak.cuts;
        if leak.cuts { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}
