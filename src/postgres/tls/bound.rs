//! Tells the database's library of the TLS below it, so that a password is bound to the channel it goes through.
//!
//! The library would do the TLS itself, above what watches the octets of a session, which then saw only what is encrypted.
//! So TLS is below, in the transport, and the library is handed a stream that is ready and says by which certificate.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use crate::postgres::transport::Transport;

/// Hands a transport over as it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct Handed;

/// A transport that speaks TLS.
#[derive(Debug)]
pub(in crate::postgres) struct Secured(Transport);

impl TlsConnect<Transport> for Handed {
    type Stream = Secured;
    type Error = Infallible;
    type Future = Ready<Result<Secured, Infallible>>;

    fn connect(self, transport: Transport) -> Self::Future {
        ready(Ok(Secured(transport)))
    }
}

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        self.0
            .end_point()
            .map_or_else(ChannelBinding::none, |end_point| ChannelBinding::tls_server_end_point(end_point.to_vec()))
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, room)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
