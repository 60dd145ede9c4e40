//! Somebody who is told over HTTP: keeps what it hears, and answers as it is bidden.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

type Answer = Box<dyn Fn(&Received) -> Option<u16> + Send>;

struct Shared {
    received: Vec<Received>,
    answer: Answer,
    /// Those that were not answered stay open.
    kept: Vec<TcpStream>,
}

/// A receiver on loopback; takes everything at first.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

/// A port that nobody else gets, on which nobody listens yet.
pub struct Place(socket2::Socket);

impl Receiver {
    pub fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// An address, and the place where somebody may listen later.
    pub fn reserved() -> (SocketAddr, Place) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        (socket.local_addr().unwrap().as_socket().unwrap(), Place(socket))
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let answer: Answer = Box::new(|_| Some(200));
        let shared = Arc::new(Mutex::new(Shared { received: Vec::new(), answer, kept: Vec::new() }));
        let hearing = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&hearing);
                thread::spawn(move || hear(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on answers with this status.
    pub fn answer(&self, answer: impl Fn(&Received) -> u16 + Send + 'static) {
        self.shared.lock().unwrap().answer = Box::new(move |received| Some(answer(received)));
    }

    /// From now on answers nothing.
    pub fn never_answers(&self) {
        self.shared.lock().unwrap().answer = Box::new(|_| None);
    }

    /// All that it heard so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().unwrap().received.clone()
    }
}

impl Place {
    /// Somebody listens from now on.
    pub fn start(self) -> Receiver {
        self.0.listen(16).unwrap();
        Receiver::on(self.0.into())
    }
}

fn hear(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(received) = request(&mut reader) {
        let mut shared = shared.lock().unwrap();
        let status = (shared.answer)(&received);
        shared.received.push(received);
        let Some(status) = status else {
            shared.kept.push(stream);
            return;
        };
        drop(shared);
        if write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|octets| *octets > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, path, headers, body: String::from_utf8(body).ok()? })
}
