//! What watches the octets of a session sees them as they are said, within TLS as without.

use std::time::Duration;

use bytes::Bytes;
use flowsentry::exit::chain;
use flowsentry::postgres::{Limits, Session};
use futures::{SinkExt, TryStreamExt};

use super::kit::{Authority, Server, database};
use crate::kit::{LIMITS, run};
use crate::stall::StallingProxy;
use crate::stalls::{reads_what_stops_coming, writes_to_who_takes_nothing};

/// Longer than a handshake takes on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(3);
const IN_TIME: Duration = Duration::from_secs(20);

async fn through(server: &Server, proxy: &StallingProxy) -> Session {
    let port = proxy.address().rsplit_once(':').unwrap().1.to_owned();
    let text = server.text("sheltered", &format!("port={port} sslmode=require"));
    let limits = Limits { answer_limit: Some(LIMIT), ..LIMITS };
    let session = database(&text, server.home.path(), limits).session("test").await.unwrap();
    assert!(session.protection().shown().starts_with("TLS"));
    session
}

async fn is_given_up<T>(
    mut session: Session,
    waits: impl AsyncFnOnce(&mut Session) -> Result<T, tokio_postgres::Error>,
) {
    let outcome = tokio::time::timeout(IN_TIME, waits(&mut session)).await.expect("no wait is for ever");
    assert!(outcome.is_err());
    let error = session.closed().await;
    assert!(chain(&error).contains("the server has not answered for 3s"), "{}", chain(&error));
}

#[tokio::test]
async fn an_answer_or_rows_that_stop_coming_are_given_up() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let proxy = StallingProxy::to(&server.address());
    let session = through(&server, &proxy).await;
    proxy.stall();
    is_given_up(session, async |session| session.client.query_one("SELECT 1", &[]).await).await;
    assert!(proxy.swallowed() > 0);

    let session = through(&server, &proxy).await;
    is_given_up(session, async |session| reads_what_stops_coming(session, &proxy).await).await;
}

/// More than any buffer on the way holds is never taken, TLS's own included.
#[tokio::test]
async fn a_server_that_takes_nothing_is_given_up() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let proxy = StallingProxy::to(&server.address());
    let session = through(&server, &proxy).await;
    is_given_up(session, async |session| writes_to_who_takes_nothing(session, IN_TIME / 2).await).await;
}

/// Rows that come in pieces of all sizes come whole, joined or not.
#[tokio::test]
async fn rows_come_and_go_whole() {
    let authority = Authority::new();
    let server = Server::start(&authority.server(), &authority).await;
    let session = through(&server, &StallingProxy::to(&server.address())).await;
    let rows = "COPY (SELECT repeat(chr(65 + g % 26), g * 7 % 40000) FROM generate_series(1, 2000) g) TO STDOUT";
    let got: Vec<Bytes> = session.client.copy_out(rows).await.unwrap().try_collect().await.unwrap();
    let got: Vec<u8> = got.concat();
    let expected = (1..=2000_usize).map(|g| {
        let letter = char::from(65 + u8::try_from(g % 26).unwrap());
        format!("{}\n", letter.to_string().repeat(g * 7 % 40000))
    });
    assert!(got == expected.collect::<String>().into_bytes());
    run(&session.client, "CREATE TEMP TABLE taken (line text)").await;
    let mut sink = Box::pin(session.client.copy_in::<_, Bytes>("COPY taken FROM STDIN").await.unwrap());
    for piece in got.chunks(70_001) {
        sink.send(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(sink.as_mut().finish().await.unwrap(), 2000);
}
