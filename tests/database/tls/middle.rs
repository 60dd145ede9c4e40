//! Somebody in between: with a certificate of its own, with words put in front of TLS, with an answer that does not come.

use std::sync::Arc;
use std::time::Duration;

use flowsentry::exit::chain;
use flowsentry::postgres::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::kit::{Authority, Made, NAME, Server, database};
use crate::kit::LIMITS;

const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What the one in between does with a connection.
type Deed = Arc<dyn Fn(TcpStream, String) -> futures::future::BoxFuture<'static, std::io::Result<()>> + Send + Sync>;

/// Puts somebody in between; the port to connect to.
async fn in_between(server: &Server, deed: Deed) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, server) = (listener.local_addr().unwrap().port(), server.address());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(deed(client, server.clone()));
        }
    });
    port
}

fn acceptor(made: &Made, protocol: Option<&str>) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(made.certificate.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocol.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Ends TLS, reads everything, and passes it on within TLS of its own.
fn reads_all(mine: &Made, authority: &Authority) -> Deed {
    let acceptor = acceptor(mine, None);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(builder.with_no_client_auth()));
    Arc::new(move |mut client, server| {
        let (acceptor, connector) = (acceptor.clone(), connector.clone());
        Box::pin(async move {
            client.read_exact(&mut [0; 8]).await?;
            client.write_all(b"S").await?;
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(server).await?;
            server.write_all(&REQUEST).await?;
            server.read_u8().await?;
            let mut server = connector.connect(ServerName::try_from(NAME).unwrap(), server).await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        })
    })
}

#[tokio::test]
async fn a_certificate_of_somebody_in_between_does_not_go_with_a_bound_password() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = Server::start(&authority.server(), &authority).await;
    let port = in_between(&server, reads_all(&stranger.server(), &authority)).await;
    let through = |options: &str| format!("port={port} sslmode=require {options}");
    // Nobody notices where nothing is verified or bound: the one in between is good at it.
    server.opens("bound", &through("channel_binding=disable"), "not verified, no channel binding").await;
    for options in ["channel_binding=require", "channel_binding=prefer"] {
        server.fails("bound", &through(options), "SCRAM channel binding check failed", "").await;
    }
    let verified = through(&format!("sslmode=verify-full {}", server.trusts(&authority)));
    server.fails("bound", &verified, "has signed it", "if it is the right server").await;
}

/// Octets behind the one-octet answer, in the same packet, would be read as the server's first words by a client that
/// keeps what it has read (CVE-2021-23214 and its like).
#[tokio::test]
async fn words_in_front_of_tls_end_the_session() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    // "Authenticated", and "ready for a query".
    let words: &[&[u8]] = &[b"R\0\0\0\x08\0\0\0\0", b"Z\0\0\0\x05I", b"E\0\0\0\x0bSFATAL\0\0"];
    for words in words {
        let deed: Deed = Arc::new(move |mut client, server| {
            Box::pin(async move {
                let mut server = TcpStream::connect(server).await?;
                client.read_exact(&mut [0; 8]).await?;
                server.write_all(&REQUEST).await?;
                let answer = server.read_u8().await?;
                client.write_all(&[&[answer], *words].concat()).await?;
                copy_bidirectional(&mut client, &mut server).await.map(drop)
            })
        });
        let port = in_between(&server, deed).await;
        let options = format!("port={port} sslmode=verify-full {}", server.trusts(&authority));
        server.fails("sheltered", &options, &format!("TLS with {NAME}:{port} failed"), "what is in between").await;
    }
}

#[tokio::test]
async fn another_answer_than_yes_or_no_is_not_believed() {
    let server = Server::start(&Authority::new().server(), &Authority::new()).await;
    let answers: &'static [(&[u8], &str)] = &[
        (b"E\0\0\0\x12SFATAL\0Mhunter3\0\0", "does not answer the request for TLS as PostgreSQL does"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer the request for TLS as PostgreSQL does"),
        (b"", "ended before TLS began"),
        (b"S", "ended before TLS began"),
    ];
    for (answer, expected) in answers {
        let deed: Deed = Arc::new(move |mut client, _| {
            Box::pin(async move {
                client.read_exact(&mut [0; 8]).await?;
                client.write_all(answer).await?;
                if answer.len() == 1 {
                    client.read_u8().await?;
                }
                client.shutdown().await
            })
        });
        let port = in_between(&server, deed).await;
        let options = format!("port={port} sslmode=require");
        let error = server.session("sheltered", &options).await.unwrap_err();
        assert!(chain(&error).contains(expected) && !chain(&error).contains("hunter3"), "{}", chain(&error));
    }
}

/// Neither the answer to the request nor the handshake is waited for longer than an answer may take.
#[tokio::test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
async fn a_handshake_that_does_not_go_on_is_given_up() {
    const LIMIT: Duration = Duration::from_millis(300);
    let server = Server::start(&Authority::new().server(), &Authority::new()).await;
    for answer in [&b""[..], b"S"] {
        let deed: Deed = Arc::new(move |mut client, _| {
            Box::pin(async move {
                client.read_exact(&mut [0; 8]).await?;
                client.write_all(answer).await?;
                // Takes everything, says nothing.
                while client.read(&mut [0; 1024]).await? > 0 {}
                Ok(())
            })
        });
        let port = in_between(&server, deed).await;
        let text = server.text("sheltered", &format!("port={port} sslmode=require"));
        let limits = Limits { answer_limit: Some(LIMIT), ..LIMITS };
        let began = std::time::Instant::now();
        let error = database(&text, server.home.path(), limits).session("test").await.unwrap_err();
        assert!(chain(&error).contains("the server has not answered for 300ms"), "{}", chain(&error));
        assert!(began.elapsed() >= LIMIT);
    }
}

/// As PostgreSQL 17 does it: the stand-in ends TLS and passes on what is in it.
#[tokio::test]
async fn tls_from_the_first_octet_on_needs_the_protocols_name() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let ends_tls = |protocol: Option<&str>| -> Deed {
        let acceptor = acceptor(&authority.server(), protocol);
        Arc::new(move |client, server| {
            let acceptor = acceptor.clone();
            Box::pin(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(server).await?;
                copy_bidirectional(&mut client, &mut server).await.map(drop)
            })
        })
    };
    let options = format!("sslnegotiation=direct {}", server.trusts(&authority));
    let port = in_between(&server, ends_tls(Some("postgresql"))).await;
    let session = server.session("open", &format!("{options} port={port}")).await.unwrap();
    assert!(session.protection().shown().contains("certificate and name verified"));
    let port = in_between(&server, ends_tls(None)).await;
    server.fails("open", &format!("{options} port={port}"), "as PostgreSQL does", "needs PostgreSQL 17").await;
    // This one is older, or wants another beginning.
    if server.session("sheltered", &options).await.is_err() {
        server.fails("sheltered", &options, "", "needs PostgreSQL 17").await;
    }
}
