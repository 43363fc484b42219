//! A network of its own for each test: a GitHub server inside, the gate between, clients outside,
//! each at the port it has in life, and the names that each side knows. Nothing of the machine's
//! own is changed: the test runs itself once more in namespaces of its own.

use crate::harness::{private, skipped};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::any::type_name;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// What the outside calls it.
pub const PUBLIC: &str = "ghe.example.com";
/// What it calls itself.
pub const INTERNAL: &str = "github.corp.internal";
/// Parts of the server that have a name of their own, on both sides.
pub const PARTS: [&str; 5] = ["codeload", "raw", "media", "uploads", "avatars"];

/// Where the server is.
pub const SERVER: SocketAddr = at([10, 1, 0, 10]);
/// Where github.com is, under these names.
pub const DOTCOM: SocketAddr = at([192, 0, 2, 10]);
pub const DOTCOM_NAMES: [&str; 7] = [
    "github.com",
    "api.github.com",
    "uploads.github.com",
    "codeload.github.com",
    "lfs.github.com",
    "github-cloud.githubusercontent.com",
    "release-assets.githubusercontent.com",
];
/// Where clients find the public name: at the wire, which keeps what passes.
pub const WIRE: SocketAddr = at([198, 51, 100, 10]);
/// Where the gate is.
pub const GATE: SocketAddr = at([198, 51, 100, 20]);

/// Set for a test that runs within its world already.
const WITHIN: &str = "HUBGATE_TEST_WORLD";
const ENTER: &str = r#"
set -e
ip link set lo up
for address in 10.1.0.10 192.0.2.10 198.51.100.10 198.51.100.20; do ip address add "$address/32" dev lo; done
mount --bind "$1" /etc/hosts
shift
exec "$@"
"#;

const fn at(octets: [u8; 4]) -> SocketAddr {
    let [a, b, c, d] = octets;
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(a, b, c, d)), 443)
}

/// Runs a test in a world of its own, or says why there cannot be one.
pub fn world<F: AsyncFnOnce(World)>(test: F) {
    if std::env::var_os(WITHIN).is_some() {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(test(World::new()));
    }
    let Some(namespaces) = namespaces() else {
        return skipped("this system gives no namespaces (or `unshare` and `ip` are missing)");
    };
    // A test's closure is named after its test.
    let name = type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").unwrap_or(name);
    let (_, name) = name.split_once("::").unwrap();
    let place = tempfile::tempdir().unwrap();
    let hosts = place.path().join("hosts");
    let mut known = names(&[(WIRE, PUBLIC), (SERVER, INTERNAL)]);
    known.push_str(&format!("{} {}\n", DOTCOM.ip(), DOTCOM_NAMES.join(" ")));
    std::fs::write(&hosts, known).unwrap();
    let out = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", ENTER, "world"])
        .arg(&hosts)
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(WITHIN, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    let complaint = String::from_utf8_lossy(&out.stderr);
    eprintln!("{complaint}");
    assert!(
        out.status.success() && said.contains("1 passed"),
        "in its world, `{name}` said:\n{said}"
    );
}

/// How to get namespaces here: as root, or as a user who becomes root of a namespace.
fn namespaces() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [
        &["--mount", "--net"],
        &["--map-root-user", "--mount", "--net"],
    ];
    ways.into_iter().find(|way| {
        let mut tried = Command::new("unshare");
        tried.args(*way).args(["sh", "-c", "ip link set lo up"]);
        tried.output().is_ok_and(|out| out.status.success())
    })
}

/// The text of a hosts file: each name and its parts.
fn names(known: &[(SocketAddr, &str)]) -> String {
    let mut text = "127.0.0.1 localhost\n".to_owned();
    for (address, name) in known {
        let parts: Vec<String> = PARTS.iter().map(|part| format!("{part}.{name}")).collect();
        text.push_str(&format!("{} {name} {}\n", address.ip(), parts.join(" ")));
    }
    text
}

/// A name and its parts, as a certificate has them.
pub fn all_of(name: &str) -> Vec<String> {
    let parts = PARTS.iter().map(|part| format!("{part}.{name}"));
    std::iter::once(name.to_owned()).chain(parts).collect()
}

/// The two sides' certificate authorities, and a directory.
pub struct World {
    dir: TempDir,
    pub corp: Authority,
    pub public: Authority,
}

impl World {
    fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            corp: Authority::new("Corp Inside CA"),
            public: Authority::new("Public CA"),
        };
        for (authority, file) in [
            (&world.corp, "corp-ca.pem"),
            (&world.public, "public-ca.pem"),
        ] {
            std::fs::write(world.path(file), authority.pem()).unwrap();
        }
        // Clients know the public names only, as in life.
        std::fs::write(world.path("hosts-outside"), names(&[(WIRE, PUBLIC)])).unwrap();
        std::fs::write(world.path("hosts-at-the-gate"), names(&[(GATE, PUBLIC)])).unwrap();
        std::fs::write(world.path("hosts-inside"), names(&[(SERVER, INTERNAL)])).unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Signs certificates that one side trusts.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut asked = CertificateParams::default();
        asked.distinguished_name.push(DnType::CommonName, name);
        asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        asked.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(asked, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, and its key, as PEM.
    pub fn issue(&self, names: &[String]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut asked = CertificateParams::new(names).unwrap();
        asked
            .distinguished_name
            .push(DnType::CommonName, "a server");
        asked.use_authority_key_identifier_extension = true;
        asked.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let made = asked.signed_by(&key, &self.0).unwrap();
        (made.pem(), key.serialize_pem())
    }

    /// A certificate as it is asked for, as PEM.
    pub fn sign(&self, asked: CertificateParams, key: &KeyPair) -> String {
        asked.signed_by(key, &self.0).unwrap().pem()
    }

    /// The same as files, the key for its owner only.
    pub fn issue_to(&self, names: &[String], chain: &Path, key: &Path) {
        let (made, secret) = self.issue(names);
        std::fs::write(chain, made).unwrap();
        std::fs::write(key, secret).unwrap();
        private(key);
    }

    /// What a server with these names shows.
    pub fn server(&self, names: &[String]) -> Arc<rustls::ServerConfig> {
        let (chain, key) = self.issue(names);
        let chain = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// One who trusts this authority only.
    pub fn client(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}
