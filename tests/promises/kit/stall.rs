//! Something between service and server that at some moment takes everything and passes nothing on, as a hung load
//! balancer does: both sides see an open connection whose octets are acknowledged.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Connections, and how many of the first ones pass nothing on.
#[derive(Default)]
struct Lines {
    opened: AtomicUsize,
    stalled: AtomicUsize,
    /// Octets that were swallowed.
    swallowed: AtomicUsize,
    /// Nobody hears of the end of a stalled connection.
    kept: Mutex<Vec<TcpStream>>,
}

/// A relay on loopback that can stall.
pub struct StallingProxy {
    address: SocketAddr,
    lines: Arc<Lines>,
}

impl StallingProxy {
    /// Relays connections to `server`, a host and a port.
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let lines = Arc::new(Lines::default());
        let (shared, server) = (Arc::clone(&lines), server.to_owned());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else { return };
                let number = shared.opened.fetch_add(1, Ordering::SeqCst);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, lines) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&shared));
                    thread::spawn(move || relay(from, to, number, &lines));
                }
            }
        });
        Self { address, lines }
    }

    /// Where it listens, as host and port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on the connections that are open pass nothing on; new ones do.
    pub fn stall(&self) {
        self.lines.stalled.store(self.lines.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Octets that were taken and not passed on.
    pub fn swallowed(&self) -> usize {
        self.lines.swallowed.load(Ordering::SeqCst)
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, number: usize, lines: &Lines) {
    let is_stalled = || number < lines.stalled.load(Ordering::SeqCst);
    let mut octets = [0; 8192];
    loop {
        match from.read(&mut octets) {
            Ok(count) if count > 0 && is_stalled() => {
                lines.swallowed.fetch_add(count, Ordering::SeqCst);
            }
            Ok(count) if count > 0 && to.write_all(&octets[..count]).is_ok() => {}
            _ => break,
        }
    }
    if is_stalled() {
        lines.kept.lock().unwrap().extend([from, to]);
    } else {
        // The other side may be gone already.
        to.shutdown(Shutdown::Both).ok();
    }
}
