//! What open pages cost: catching up with twenty of them and with none.
//!
//! The two alternate in one run, each going first in turn, and what is quoted is the ratio of each pair: throughput, and
//! processor time of the service, with ÷ without. A page asks for `/`, as a browser does, and then listens to the stream that
//! keeps it live. A faster source than packets that are there already there is not, so this is the most that pages can cost.
//! Whoever listens does so on the same machine, so the ratio has their work in it as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a bench fails aloud

mod kit;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use kit::caught_up::CaughtUp;
use kit::{Spread, adopt, load, server};

const PACKETS: u32 = 4_000_000;
const PAGES: usize = 20;
const ROUNDS: usize = 7;

/// Pages that are open until the service ends.
struct Pages {
    threads: Vec<JoinHandle<()>>,
}

impl Pages {
    fn open(address: &str, frames: &Arc<AtomicU64>) -> Self {
        let page = |_| {
            let (address, frames) = (address.to_owned(), Arc::clone(frames));
            thread::spawn(move || listen(&address, &frames))
        };
        Self { threads: (0..PAGES).map(page).collect() }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            thread.join().expect("a page");
        }
    }
}

fn listen(address: &str, frames: &AtomicU64) {
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
        stream
    };
    let mut page = Vec::new();
    ask("/").read_to_end(&mut page).expect("the page");
    assert!(page.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&page));
    // The stream ends with the service, however that ends.
    for line in BufReader::new(ask("/events")).lines().map_while(Result::ok) {
        frames.fetch_add(u64::from(line == "event: overview"), Ordering::Relaxed);
    }
}

fn main() {
    let server = server();
    let url = server.url("postgres");
    adopt(&url);
    println!("loading {PACKETS} packets …");
    load(&url, PACKETS.into());

    let (mut throughput, mut cpu) = (Vec::new(), Vec::new());
    println!("round  pages  seconds  packets/s  CPU s  peak MiB  frames a page");
    for round in 0..=ROUNDS {
        let of = |pages: bool| {
            let frames = Arc::new(AtomicU64::new(0));
            let open = |address: &str| pages.then(|| Pages::open(address, &frames));
            let run = CaughtUp::with(&url, PACKETS, &[], open);
            let heard = frames.load(Ordering::Relaxed) as f64 / PAGES as f64;
            report(round, pages, &run, heard);
            assert!(!pages || heard > 1.0, "the pages were live");
            run
        };
        let (with, without) = if round % 2 == 0 {
            let with = of(true);
            (with, of(false))
        } else {
            let without = of(false);
            (of(true), without)
        };
        if round > 0 {
            throughput.push(without.seconds / with.seconds);
            cpu.push(with.cpu_seconds / without.cpu_seconds);
        }
    }
    println!("throughput, with {PAGES} pages ÷ none: {}", Spread::of(throughput).shown(3));
    println!("processor time, with {PAGES} pages ÷ none: {}", Spread::of(cpu).shown(3));
}

fn report(round: usize, pages: bool, run: &CaughtUp, heard: f64) {
    println!(
        "{:>5}  {:5}  {:7.2}  {:9.0}  {:5.2}  {:8.0}  {heard:13.1}",
        if round == 0 { "warm".to_owned() } else { round.to_string() },
        if pages { PAGES } else { 0 },
        run.seconds,
        f64::from(PACKETS) / run.seconds,
        run.cpu_seconds,
        run.peak_mib,
    );
}
