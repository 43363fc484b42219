//! `[[certificate]].acme`.

use super::{Group, Running, rows, see};
use crate::acme::pebble::{Pebble, Ports};
use crate::acme::{Doors, HOSTS, certificate, configure, connect, issued, renew, trusting};
use crate::harness::{Site, eventually, private};
use crate::world::Authority;

rows! {
    Issued:
    "certificate.acme.directory" => directory,
    "certificate.acme.contact" => contact,
    "certificate.acme.ca" => ca,
    "certificate.acme.eab.kid" => eab_kid,
    "certificate.acme.eab.key" => eab_key,
}

/// Keys that an authority knows, by name.
const KEYS: [(&str, &str); 2] = [
    (
        "kid-1",
        "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
    ),
    (
        "kid-2",
        "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH",
    ),
];

/// A gateway whose certificate an authority has issued, and another authority.
pub struct Issued {
    running: Running,
    authority: Pebble,
    other: Pebble,
}

impl Group for Issued {
    fn running(&self) -> &Running {
        &self.running
    }
}

impl Issued {
    /// None without the authority's program.
    async fn open() -> Option<Self> {
        let (site, ports) = (Site::new(), Ports::vacant().await);
        let [(one, first), (two, second)] = KEYS;
        let known = format!(
            r#","externalAccountBindingRequired":true,"externalAccountMACKeys":{{"{one}":"{first}","{two}":"{second}"}}"#
        );
        let authority = Pebble::start(ports, &known).await?;
        let other = Pebble::start(ports, &known).await?;
        let read = |pebble: &Pebble| std::fs::read_to_string(pebble.ca()).unwrap();
        std::fs::write(site.path("both.pem"), read(&authority) + &read(&other)).unwrap();
        let strange = Authority::new("A strange one").pem();
        std::fs::write(site.path("strange.pem"), strange).unwrap();
        std::fs::write(site.path("eab"), first).unwrap();
        private(&site.path("eab"));
        let eab = site.path("eab");
        let acme = format!(
            r#"acme = {{ directory = "{}", contact = "net@example.com", ca = "both.pem", eab = {{ kid = "{one}", key = "file:{}" }} }}"#,
            authority.directory(),
            eab.display()
        );
        let section = certificate(&HOSTS, &acme);
        configure(&site, ports, Doors::Both, &section, "127.0.0.0/8");
        let running = Running::start(site).await;
        issued(&running.site).await;
        Some(Self {
            running,
            authority,
            other,
        })
    }

    /// Has it issued anew now; what went wrong.
    fn renewed(&self) -> Option<String> {
        let out = renew(&self.running.site, &[]);
        let said = [&*out.stdout, &*out.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (!out.status.success()).then_some(said)
    }

    /// Whether what is served was issued by this authority.
    async fn is_of(&self, authority: &Pebble) -> bool {
        let root = authority.root().await;
        let stream = connect(&self.running.gate, trusting(&root, &[]), HOSTS[0]);
        stream.await.is_ok()
    }
}

async fn directory(issued: &Issued) {
    assert!(issued.is_of(&issued.authority).await && !issued.is_of(&issued.other).await);
    let (old, new) = (issued.authority.directory(), issued.other.directory());
    issued.running.change(&[(&old, &new)]);
    crate::acme::issued(&issued.running.site).await;
    assert!(issued.is_of(&issued.other).await && !issued.is_of(&issued.authority).await);
}

/// How many accounts the authority says that it has.
fn accounts(authority: &Pebble) -> usize {
    let log = authority.log();
    log.matches("accounts in memory").count()
}

async fn contact(issued: &Issued) {
    assert_eq!(issued.renewed(), None);
    assert_eq!(accounts(&issued.authority), 1);
    issued
        .running
        .change(&[("net@example.com", "tls@example.com")]);
    assert_eq!(issued.renewed(), None);
    assert_eq!(accounts(&issued.authority), 2);
}

async fn ca(issued: &Issued) {
    assert_eq!(issued.renewed(), None);
    issued.running.change(&[("both.pem", "strange.pem")]);
    assert!(issued.renewed().is_some());
    issued.running.reset();
    assert_eq!(issued.renewed(), None);
}

async fn eab_kid(issued: &Issued) {
    let [(one, _), (two, second)] = KEYS;
    let site = &issued.running.site;
    std::fs::write(site.path("eab-2"), second).unwrap();
    private(&site.path("eab-2"));
    let own = ("/eab\"", "/eab-2\"");
    issued.running.change(&[own, (one, "kid-9")]);
    let why = issued.renewed().unwrap();
    assert!(why.contains("a key that is not known"), "{why}");
    issued.running.change(&[own, (one, two)]);
    assert_eq!(issued.renewed(), None);
}

async fn eab_key(issued: &Issued) {
    let (site, [(one, first), (_, second)]) = (&issued.running.site, KEYS);
    let other = [("net@example.com", "eab@example.com")];
    std::fs::write(site.path("eab"), second).unwrap();
    issued.running.change(&other);
    assert!(issued.renewed().is_some(), "not the key of {one}");
    // The same file with the right key in it is taken up at once.
    std::fs::write(site.path("eab"), first).unwrap();
    let before = accounts(&issued.authority);
    issued.running.change(&other);
    assert_eq!(issued.renewed(), None);
    eventually(|| (accounts(&issued.authority) == before + 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_authority_is_told_takes_effect() {
    if let Some(issued) = Issued::open().await {
        see(&issued, ROWS).await;
    }
}
