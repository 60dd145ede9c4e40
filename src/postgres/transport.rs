//! The octets of a session, watched: an answer that does not come ends the session.
//!
//! The server limits statements and both kernels notice a peer that vanished. Neither helps where something in between takes
//! our octets, acknowledges them, and passes nothing on. So this is the one place that all octets of all sessions pass, and
//! it gives up when the server owes an answer and has said nothing for as long as a statement may take, and a margin; or when
//! it has not taken anything from us for that long. Whoever waits for that session gets an error, whatever it waits for:
//! statement, COPY, commit, log-in. Nobody can forget it. TLS is below this, so that what is watched is what is said.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::Sleep;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Connection, Error};

use super::inflow::Inflow;
use super::outstanding::Outstanding;
use super::server::Server;
use super::tls::{Handed, Mode, Offer, Secured, Sheltered, Tls, TlsError, negotiate};
use crate::check::protection::{self, Protection};
use crate::telemetry::clock;

/// A connection over a watched socket.
pub(super) type Watched = Connection<Transport, Secured>;

/// Connects and logs in to a server: with TLS or without, and where that may be (`prefer`, `allow`) the other way after.
/// No limit: waits for answers for ever. The error is that of the first way.
pub(super) async fn connect(server: &Server, limit: Option<Duration>) -> Result<(Client, Watched, Protection), Error> {
    let (first, second) = server.tls.attempts();
    let error = match attempt(server, first, limit).await {
        Ok(connected) => return Ok(connected),
        Err(error) => error,
    };
    match second.filter(|_| may_do_the_other_way(&error)) {
        Some(second) => attempt(server, second, limit).await.map_err(|_| error),
        None => Err(error),
    }
}

/// Whether the server might let us in the other way: `pg_hba.conf` says no to this one, or TLS does not come about.
fn may_do_the_other_way(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || TlsError::within(error).is_some_and(TlsError::is_of_the_way)
}

async fn attempt(
    server: &Server,
    with_tls: bool,
    limit: Option<Duration>,
) -> Result<(Client, Watched, Protection), Error> {
    let Server { config, tls, .. } = server;
    let line = open_within(config, Some(tls).filter(|_| with_tls), limit).await;
    let line = line.and_then(|line| line.keeps(tls)).unwrap_or_else(|error| Line::Failed(Some(error)));
    let protection =
        Protection { place: tls.place.clone(), is_local: tls.is_local, mode: tls.mode.name(), line: line.shown() };
    let mut config = config.clone();
    // The library is handed a stream on which nothing is left to negotiate.
    let mode = if matches!(line, Line::Tls(_)) { SslMode::Require } else { SslMode::Disable };
    config.ssl_mode(mode).ssl_negotiation(SslNegotiation::Direct).channel_binding(tls.binding);
    match config.connect_raw(Transport::new(line, limit), Handed).await {
        Ok((client, connection)) => Ok((client, connection, protection)),
        Err(error) if tls.binding == ChannelBinding::Require && speaks_of_binding(&error) => {
            fail(&config, TlsError::Unbound { place: tls.place.clone() }.into_io()).await.and(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// The library's own words for what the server did not do; there is no other sign.
fn speaks_of_binding(error: &Error) -> bool {
    let words = |cause: &(dyn std::error::Error + 'static)| cause.to_string().contains("channel binding");
    let is_the_librarys = error.as_db_error().is_none() && TlsError::within(error).is_none();
    is_the_librarys && std::error::Error::source(error).is_some_and(words)
}

/// The error of a session with a server that is not what was asked for.
pub(super) async fn refuse(config: &Config, why: &'static str) -> Result<(), Error> {
    fail(config, io::Error::new(io::ErrorKind::PermissionDenied, why)).await
}

async fn fail(config: &Config, error: io::Error) -> Result<(), Error> {
    let mut config = config.clone();
    config.ssl_mode(SslMode::Disable);
    config.connect_raw(Transport::new(Line::Failed(Some(error)), None), Handed).await.map(drop)
}

/// Connects, and asks for TLS, in no more time than an answer may take.
async fn open_within(config: &Config, tls: Option<&Tls>, limit: Option<Duration>) -> io::Result<Line> {
    let opening = async {
        let line = open(config).await?;
        match (line, tls) {
            (Line::Tcp(stream), Some(tls)) => negotiate(stream, tls).await.map(Line::of_offer),
            (line, _) => Ok(line),
        }
    };
    match limit {
        Some(limit) => tokio::time::timeout(limit, opening).await.unwrap_or_else(|_| Err(has_not_answered(limit))),
        None => opening.await,
    }
}

fn has_not_answered(limit: Duration) -> io::Error {
    let text = format!("the server has not answered for {}", humantime::format_duration(limit));
    io::Error::new(io::ErrorKind::TimedOut, text)
}

async fn open(config: &Config) -> io::Result<Line> {
    let port = config.get_ports().first().copied().unwrap_or_default();
    let address = config.get_hostaddrs().first();
    let host = match (address, config.get_hosts().first()) {
        (Some(address), _) => address.to_string(),
        (None, Some(Host::Tcp(name))) => name.clone(),
        (None, Some(Host::Unix(directory))) => {
            return UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await.map(Line::Unix);
        }
        (None, None) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "no host is given")),
    };
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host.as_str(), port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                watch_the_line(&stream, config)?;
                return Ok(Line::Tcp(stream));
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// How our kernel notices a server that vanished.
fn watch_the_line(stream: &TcpStream, config: &Config) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// A socket, or why there is none: the error reaches the caller as that of its first octet, since tokio-postgres alone makes
/// errors of its type.
#[derive(Debug)]
enum Line {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Sheltered>),
    /// The error is given to whoever asks first.
    Failed(Option<io::Error>),
}

impl Line {
    fn of_offer(offer: Offer) -> Self {
        match offer {
            Offer::Sheltered(stream) => Self::Tls(stream),
            Offer::Plain(stream) => Self::Tcp(stream),
        }
    }

    /// Itself, if it is as good as it has to be.
    fn keeps(self, tls: &Tls) -> io::Result<Self> {
        match self {
            Self::Tls(_) | Self::Failed(_) => Ok(self),
            _ if tls.binding == ChannelBinding::Require => {
                Err(TlsError::BindingWithoutTls { place: tls.place.clone() }.into_io())
            }
            // Whatever is changed above: no stream without TLS gets past where it was asked for.
            Self::Tcp(_) if tls.mode > Mode::Prefer => Err(TlsError::Ended { place: tls.place.clone() }.into_io()),
            line => Ok(line),
        }
    }

    fn shown(&self) -> protection::Line {
        match self {
            Self::Tls(stream) => stream.line.clone(),
            Self::Unix(_) => protection::Line::Socket,
            Self::Tcp(_) | Self::Failed(_) => protection::Line::Plain,
        }
    }
}

fn taken(error: &mut Option<io::Error>) -> io::Error {
    error.take().unwrap_or_else(|| io::ErrorKind::NotConnected.into())
}

/// A socket that is watched.
#[derive(Debug)]
pub(super) struct Transport {
    line: Line,
    inflow: Inflow,
    outstanding: Outstanding,
    /// The socket takes no more at the moment.
    is_full: bool,
    limit: Option<Duration>,
    /// Since when we have been waiting in vain.
    since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    fn new(line: Line, limit: Option<Duration>) -> Self {
        let (inflow, outstanding) = (Inflow::new(), Outstanding::new());
        Self { line, inflow, outstanding, is_full: false, limit, since: clock::now(), timer: None }
    }

    /// What a password is bound to.
    pub fn end_point(&self) -> Option<&[u8]> {
        match &self.line {
            Line::Tls(stream) => stream.end_point.as_deref(),
            Line::Tcp(_) | Line::Unix(_) | Line::Failed(_) => None,
        }
    }

    fn waits(&self) -> bool {
        self.outstanding.is_due() || self.is_full
    }

    /// Fails once it has waited in vain for too long; before that it sees to it that this is asked again in time.
    fn patience(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(limit) = self.limit.filter(|_| self.waits()) else { return Ok(()) };
        let now = clock::now();
        let until = self.since + limit;
        if until <= now {
            return Err(has_not_answered(limit));
        }
        // A timer that is set goes on even if `since` has moved: it looks again then, which is cheaper than setting it
        // anew for each of the thousands of pieces in which rows come.
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(until - now)));
        while timer.as_mut().poll(context).is_ready() {
            timer.set(tokio::time::sleep(until - now));
        }
        Ok(())
    }

    fn waits_anew(&mut self) {
        self.since = clock::now();
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        loop {
            this.inflow.hand_over(buffer, |kind| this.outstanding.received(kind));
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            let mut came = ReadBuf::new(this.inflow.room());
            let read = match &mut this.line {
                Line::Tcp(stream) => Pin::new(stream).poll_read(context, &mut came),
                Line::Unix(stream) => Pin::new(stream).poll_read(context, &mut came),
                Line::Tls(stream) => Pin::new(&mut **stream).poll_read(context, &mut came),
                Line::Failed(error) => Poll::Ready(Err(taken(error))),
            };
            match (read, came.filled().len()) {
                (Poll::Pending, _) => {
                    return this.patience(context).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending);
                }
                (Poll::Ready(Ok(())), 0) if this.inflow.is_empty() => return Poll::Ready(Ok(())),
                (Poll::Ready(Ok(())), 0) => this.inflow.has_ended(),
                (Poll::Ready(Ok(())), count) => this.inflow.came(count),
                (Poll::Ready(Err(error)), _) => return Poll::Ready(Err(error)),
            }
            this.waits_anew();
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let waited = self.waits();
        let written = match &mut self.line {
            Line::Tcp(stream) => Pin::new(stream).poll_write(context, octets),
            Line::Unix(stream) => Pin::new(stream).poll_write(context, octets),
            Line::Tls(stream) => Pin::new(&mut **stream).poll_write(context, octets),
            Line::Failed(error) => Poll::Ready(Err(taken(error))),
        };
        self.is_full = written.is_pending();
        if let Poll::Ready(Ok(count)) = &written {
            self.outstanding.sent(&octets[..*count]);
        }
        if !waited {
            self.waits_anew();
        }
        self.patience(context)?;
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.line {
            Line::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Line::Unix(stream) => Pin::new(stream).poll_flush(context),
            // What stays within TLS is noticed as well: by the next write, which finds no room, or by the answer that is due.
            Line::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
            Line::Failed(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.line {
            Line::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Line::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Line::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
            Line::Failed(_) => Poll::Ready(Ok(())),
        }
    }
}
