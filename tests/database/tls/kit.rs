//! Authorities, certificates, and a server that uses them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use flowsentry::config::Environment;
use flowsentry::exit::chain;
use flowsentry::postgres::{Database, Limits, PostgresError, Session};
use flowsentry::sandbox::{Mode, Options, PrivatePostgres};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm};
use tempfile::TempDir;

use crate::kit::LIMITS;

/// The name that the server goes by.
pub const NAME: &str = "db.test";
pub const PASSWORD: &str = "hunter2";

/// Somebody who signs certificates.
pub struct Authority {
    pub issuer: Issuer<'static, KeyPair>,
    pub certificate: String,
    by: &'static SignatureAlgorithm,
}

/// A certificate and its key, in PEM form.
#[derive(Clone)]
pub struct Made {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        Self::signing_by(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// Its certificates, their keys and signatures are all of this kind.
    pub fn signing_by(by: &'static SignatureAlgorithm) -> Self {
        Self::with_key(KeyPair::generate_for(by).unwrap(), by)
    }

    pub fn with_key(key: KeyPair, by: &'static SignatureAlgorithm) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("authority {:08x}", rand::random::<u32>()));
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate, by }
    }

    /// A certificate for these names, otherwise as `change` makes it.
    pub fn gives(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
        let own = match self.by {
            by if *by == rcgen::PKCS_ED25519 => ed25519_key(),
            by => KeyPair::generate_for(by).unwrap_or_else(|_| KeyPair::generate().unwrap()),
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&own, &self.issuer).unwrap().pem();
        Made { certificate, key: own.serialize_pem() }
    }

    pub fn server(&self) -> Made {
        self.gives(&[NAME], |_| {})
    }

    /// For a user of the database.
    pub fn user(&self, name: &str) -> Made {
        self.gives(&[], |params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
        })
    }
}

/// In the older form of PKCS #8 (RFC 8410, 7), without the public key: OpenSSL reads no other.
fn ed25519_key() -> KeyPair {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let octets = [&head[..], &rand::random::<[u8; 32]>()].concat();
    KeyPair::from_pkcs8_der_and_sign_algo(&octets.into(), &rcgen::PKCS_ED25519).unwrap()
}

/// Who may log in how. `flowsentry` is the superuser.
const LOG_INS: &str = "
local     all all        trust
hostnossl all flowsentry all trust
hostnossl all open       all trust
hostssl   all sheltered  all trust
hostssl   all bound      all scram-sha-256
hostssl   all known      all cert
";

/// A server of the test's own, and a home directory for us.
pub struct Server {
    pub postgres: PrivatePostgres,
    pub home: TempDir,
}

impl Server {
    /// Without TLS.
    pub async fn plain(options: Options) -> Self {
        let postgres = PrivatePostgres::start(options).unwrap();
        let this = Self { postgres, home: tempfile::tempdir().unwrap() };
        let admin = this.session("flowsentry", "sslmode=disable").await.unwrap();
        let roles = format!(
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE open LOGIN; CREATE ROLE sheltered LOGIN;
             CREATE ROLE known LOGIN; CREATE ROLE bound LOGIN PASSWORD '{PASSWORD}'"
        );
        crate::kit::run(&admin.client, &roles).await;
        this.write("pg_hba.conf", LOG_INS);
        this
    }

    /// With TLS and this certificate; it takes certificates of users that `users` has signed.
    pub async fn start(made: &Made, users: &Authority) -> Self {
        let mut this = Self::plain(Options::default()).await;
        this.write("clients.crt", &users.certificate);
        this.set("ssl = on\nssl_ca_file = 'clients.crt'");
        this.take(made);
        this
    }

    /// Uses another certificate from now on.
    pub fn take(&mut self, made: &Made) {
        self.write("server.crt", &made.certificate);
        self.write("server.key", &made.key);
        self.restart();
    }

    pub fn restart(&mut self) {
        self.postgres.stop(Mode::Fast).unwrap();
        self.postgres.start_again().unwrap();
    }

    /// Adds lines to postgresql.conf; they count after a restart.
    pub fn set(&self, lines: &str) {
        let path = self.postgres.directory().join("data/postgresql.conf");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{text}\n{lines}\n")).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        let data = self.postgres.directory().join("data");
        let owner = fs::metadata(&data).unwrap();
        let path = data.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    /// A file of ours, readable by nobody else.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// `sslrootcert=…` of an authority.
    pub fn trusts(&self, authority: &Authority) -> String {
        let path = self.file(&format!("roots-{:08x}", rand::random::<u32>()), &authority.certificate);
        format!("sslrootcert={}", path.display())
    }

    /// `sslcert=… sslkey=…` of a certificate of ours.
    pub fn shows(&self, made: &Made) -> String {
        let name = format!("own-{:08x}", rand::random::<u32>());
        let (certificate, key) = (self.file(&format!("{name}.crt"), &made.certificate), self.file(&name, &made.key));
        format!("sslcert={} sslkey={}", certificate.display(), key.display())
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.postgres.port())
    }

    pub fn text(&self, user: &str, options: &str) -> String {
        let port = self.postgres.port();
        format!("host={NAME} hostaddr=127.0.0.1 port={port} dbname=postgres user={user} password={PASSWORD} {options}")
    }

    pub fn database(&self, user: &str, options: &str) -> Database {
        database(&self.text(user, options), self.home.path(), LIMITS)
    }

    pub async fn session(&self, user: &str, options: &str) -> Result<Session, PostgresError> {
        let outcome = self.database(user, options).session("test").await;
        if let Err(error) = &outcome {
            let text = chain(error);
            assert!(!text.contains(PASSWORD), "{text}");
        }
        outcome
    }

    /// By a whole connection string.
    pub async fn session_by(&self, text: &str) -> Result<Session, PostgresError> {
        database(text, self.home.path(), LIMITS).session("test").await
    }

    /// A session that opens, and by what it is protected, by our own account and by the server's.
    #[track_caller]
    pub fn opens(&self, user: &str, options: &str, protection: &str) -> impl Future<Output = Session> {
        let (user, options, protection) = (user.to_owned(), options.to_owned(), protection.to_owned());
        async move {
            let session = self.session(&user, &options).await;
            let session = session.unwrap_or_else(|error| panic!("{user} {options}: {}", chain(&error)));
            let shown = session.protection().shown();
            assert!(shown.contains(&protection), "{user} {options}: {shown} instead of {protection}");
            let sql = "SELECT concat(version) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let row = session.client.query_one(sql, &[]).await.unwrap();
            let version: String = row.get(0);
            assert!(if version.is_empty() { shown.starts_with("not") } else { shown.starts_with(&version) }, "{shown}");
            session
        }
    }

    /// A session that does not open, and what is said: words of the error, and of its hint.
    pub async fn fails(&self, user: &str, options: &str, words: &str, hint: &str) {
        let error = self.session(user, options).await.expect_err(&format!("{user} {options}"));
        let text = chain(&error);
        assert!(text.contains(words), "{user} {options}: {text}");
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint), "{user} {options}: {found}");
    }
}

pub fn database(text: &str, home: &Path, limits: Limits) -> Database {
    let environment: Environment = [("HOME".to_owned(), home.display().to_string())].into_iter().collect();
    Database::resolve(Some(text), &environment, limits).unwrap()
}
