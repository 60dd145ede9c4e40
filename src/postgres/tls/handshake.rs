//! Asks a server for TLS, and begins it.
//!
//! A server is asked in the clear, and answers with one octet. That octet is read alone: what somebody in between puts
//! behind it comes after TLS has begun, is no TLS, and ends the session, instead of being taken for the server's first words
//! (as in CVE-2021-23214 and its like). Nor is another answer than yes or no shown to anybody.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::config::ChannelBinding;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ClientConfig, ProtocolVersion, SupportedProtocolVersion};

use super::certificate::Certificate;
use super::error::TlsError;
use super::files;
use super::settings::{Mode, Tls, Version};
use super::verifier::Verifier;
use crate::check::protection::{Binding, Line};

/// The length of the message, and 1234.5679 in place of a version: `SSLRequest`.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const YES: u8 = b'S';
const NO: u8 = b'N';
/// What PostgreSQL is called in TLS (ALPN); from 17 on the server says it too.
const PROTOCOL: &[u8] = b"postgresql";

/// What a server gave.
pub(in crate::postgres) enum Offer {
    /// TLS.
    Sheltered(Box<Sheltered>),
    /// Nothing, and it was not asked for more.
    Plain(TcpStream),
}

/// A stream within TLS.
#[derive(Debug)]
pub(in crate::postgres) struct Sheltered {
    stream: TlsStream<TcpStream>,
    place: String,
    roots: String,
    /// The end of the channel, to bind a password to.
    pub end_point: Option<Vec<u8>>,
    /// What of it to tell people.
    pub line: Line,
}

/// Begins TLS as it was asked for.
pub(in crate::postgres) async fn negotiate(mut stream: TcpStream, tls: &Tls) -> io::Result<Offer> {
    if !tls.direct {
        stream.write_all(&REQUEST).await?;
        match stream.read_u8().await {
            Ok(YES) => {}
            Ok(NO) if tls.mode <= Mode::Prefer => return Ok(Offer::Plain(stream)),
            Ok(NO) => return Err(tls.mode.not_offered(&tls.place).into_io()),
            Ok(_) => return Err(TlsError::Answer { place: tls.place.clone() }.into_io()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(ended(tls)),
            Err(error) => return Err(error),
        }
    }
    shelter(stream, tls).await.map(Box::new).map(Offer::Sheltered)
}

async fn shelter(stream: TcpStream, tls: &Tls) -> io::Result<Sheltered> {
    let settings = tls.clone();
    // Files are read, and the system has a hundred certificates.
    let prepared = tokio::task::spawn_blocking(move || prepare(&settings)).await.map_err(io::Error::other)?;
    let (config, verifier) = prepared.map_err(TlsError::into_io)?;
    let name = tls.name.clone().and_then(|name| ServerName::try_from(name).ok());
    let name = name.ok_or_else(|| TlsError::Name { place: tls.place.clone() }.into_io())?;
    let stream =
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
            match TlsError::of(&error, &tls.place, &verifier.roots) {
                Some(known) => known.into_io(),
                None if error.kind() == io::ErrorKind::UnexpectedEof => ended(tls),
                None => error,
            }
        })?;
    let (_, session) = stream.get_ref();
    if tls.direct && session.alpn_protocol() != Some(PROTOCOL) {
        // Something else that speaks TLS may be made to take our words for its own (ALPACA).
        return Err(TlsError::Answer { place: tls.place.clone() }.into_io());
    }
    let own = session.peer_certificates().and_then(<[_]>::first);
    let end_point = own.and_then(|own| Certificate::read(own)?.signed.end_point(own));
    let binding = match (&end_point, tls.binding) {
        (None, ChannelBinding::Require) => {
            return Err(TlsError::NoEndPoint { place: tls.place.clone() }.into_io());
        }
        (Some(_), ChannelBinding::Require) => Binding::Required,
        (Some(_), ChannelBinding::Prefer) => Binding::Offered,
        _ => Binding::None,
    };
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let line = Line::Tls { version, trust: verifier.trust(), binding };
    Ok(Sheltered { stream, place: tls.place.clone(), roots: verifier.roots.clone(), end_point, line })
}

fn ended(tls: &Tls) -> io::Error {
    TlsError::Ended { place: tls.place.clone() }.into_io()
}

fn prepare(tls: &Tls) -> Result<(ClientConfig, Arc<Verifier>), TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier::new(tls, &provider)?);
    let protocol = |error: rustls::Error| TlsError::Protocol { place: tls.place.clone(), problem: error.to_string() };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(versions(tls.versions)).map_err(protocol)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::<Verifier>::clone(&verifier));
    let identity = tls.identity.as_ref().map(|identity| Ok((identity, files::identity(identity)?))).transpose()?;
    let mut config = match identity {
        Some((files, Some((chain, key)))) => builder.with_client_auth_cert(chain, key).map_err(|_| TlsError::Key {
            path: files.key.display().to_string(),
            certificate: files.certificate.display().to_string(),
        })?,
        _ => builder.with_no_client_auth(),
    };
    config.enable_sni = tls.tell_name;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    Ok((config, verifier))
}

fn versions(of: (Version, Version)) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match of {
        (Version::Two, Version::Two) => &BOTH[1..],
        (Version::Three, _) => &BOTH[..1],
        (Version::Two, Version::Three) => &BOTH,
    }
}

impl Sheltered {
    /// In the words of people, where it is about TLS: a server that does not like our certificate says so only here.
    fn explain(&self, error: io::Error) -> io::Error {
        TlsError::of(&error, &self.place, &self.roots).map_or(error, TlsError::into_io)
    }
}

impl AsyncRead for Sheltered {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, room).map_err(|error| self.explain(error))
    }
}

impl AsyncWrite for Sheltered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets).map_err(|error| self.explain(error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context).map_err(|error| self.explain(error))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
