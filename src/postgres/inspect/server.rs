//! The server, and which of our settings it takes.

use tokio_postgres::Client;
use tokio_postgres::error::DbError;

use crate::check::server::Server;
use crate::postgres::error::PostgresError;
use crate::postgres::session::VANISHED_CLIENT;

/// Looks at the server; `place` says where it is, for people.
pub async fn look(client: &Client, place: String) -> Result<Server, PostgresError> {
    let sql = "SELECT pg_catalog.current_setting('server_version'),
                      pg_catalog.current_setting('server_version_num')::integer,
                      pg_catalog.current_setting('max_prepared_transactions')::integer";
    let doing = PostgresError::doing("ask for the server's version");
    let row = client.query_one(sql, &[]).await.map_err(&doing)?;
    let mut server = Server {
        place,
        version: row.get(0),
        version_number: row.get(1),
        prepared_max: row.get(2),
        ..Server::default()
    };
    for setting in VANISHED_CLIENT {
        if let Err(error) = client.batch_execute(setting).await {
            match error.as_db_error().map(DbError::message) {
                Some(answer) => server.refused_settings.push((setting, answer.to_owned())),
                None => return Err(doing(error)),
            }
        }
    }
    Ok(server)
}
