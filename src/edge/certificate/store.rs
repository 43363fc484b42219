//! What is served: pairs by host, swapped whole, and read again when their files change.

use super::pair::{self, Fault, Pair, Problem};
use super::{Authority, Certificate, HostPattern, Origin, issued};
use crate::types::{Clock, Host, Secret, Timestamp};
use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often files are looked at. A renewed certificate is served within this time.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How far our clock may be behind that of an authority which does not date back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The certificates that are served. Choosing one takes no lock.
#[derive(Debug)]
pub struct Store {
    served: ArcSwap<Table>,
    clock: Arc<dyn Clock>,
    /// Held by whoever makes a new table, so that no change is lost.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Table {
    /// Rises with every change; what depends on the certificates compares it.
    generation: u64,
    entries: Vec<Entry>,
    exact: HashMap<Box<str>, usize>,
    wildcard: HashMap<Box<str>, usize>,
}

#[derive(Debug, Clone)]
struct Entry {
    certificate: Certificate,
    pair: Pair,
    /// The files as they were when they were read.
    files: Fingerprint,
    /// The files as they were when they were last found wanting: said once, not every time.
    refused: Option<Fingerprint>,
}

/// A certificate as the admin API lists it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Served {
    /// The hosts it is chosen for.
    pub hosts: Vec<String>,
    /// The moment after which clients refuse it.
    pub not_after: Timestamp,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// Who issued it.
    pub issuer: String,
    /// `files`, `self_signed` or `acme`.
    pub origin: &'static str,
    /// Whether it only stands in until the authority has issued one.
    pub stands_in: bool,
    /// The moment from which clients take it.
    pub not_before: Timestamp,
}

/// From when to when a certificate is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The moment from which clients take it.
    pub not_before: Timestamp,
    /// The moment after which they refuse it.
    pub not_after: Timestamp,
}

/// Something about a certificate that is served all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate for {hosts} expired at {not_after}; clients refuse it until it is renewed")]
pub struct Warning {
    /// Its hosts.
    pub hosts: String,
    /// When it expired.
    pub not_after: Timestamp,
}

impl Store {
    /// Reads and makes all certificates.
    ///
    /// # Errors
    /// All that is wrong with any of them; none is left out and none is served without the others.
    pub fn load(
        certificates: &[Certificate],
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Self>, Vec<Warning>), Vec<Fault>> {
        let table = Table::load(certificates, &Table::default(), clock.now())?;
        table.measure(&Table::default());
        let store = Self {
            served: ArcSwap::from_pointee(table),
            clock,
            writing: Mutex::new(()),
        };
        let warnings = store.warnings();
        Ok((Arc::new(store), warnings))
    }

    /// Serves these from now on; connections that run keep what they have. A certificate made
    /// here stays the same while its hosts do.
    ///
    /// # Errors
    /// All that is wrong with any of them; what was served is served still.
    pub fn replace(&self, certificates: &[Certificate]) -> Result<Vec<Warning>, Vec<Fault>> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = Table::load(certificates, &self.served.load(), self.clock.now())?;
        table.measure(&self.served.load());
        self.served.store(Arc::new(table));
        Ok(self.warnings())
    }

    /// Reads again the pairs whose files changed since. A pair that is wrong is not taken (the
    /// old one stays, and the fault is returned once for each state of the files).
    pub fn refresh(&self) -> Vec<Fault> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        let old = self.served.load();
        let mut entries = old.entries.clone();
        let mut seen = false;
        let mut changed = false;
        for (number, entry) in entries.iter_mut().enumerate() {
            let files = Fingerprint::of(&entry.certificate);
            if files == entry.files || entry.refused.as_ref() == Some(&files) {
                continue;
            }
            seen = true;
            match pair::obtain(&entry.certificate, self.clock.now()) {
                Ok(pair) => {
                    tracing::info!(
                        hosts = hosts(&entry.certificate),
                        not_after = %pair.particulars.not_after,
                        "certificate files changed; the new certificate is served"
                    );
                    entry.pair = pair;
                    entry.files = files;
                    entry.refused = None;
                    changed = true;
                }
                Err(problem) => {
                    entry.refused = Some(files);
                    faults.push(fault(number, &entry.certificate, problem));
                }
            }
        }
        if seen {
            self.serve(&old, entries, u64::from(changed));
        }
        faults
    }

    /// Calls [`Store::refresh`] every few seconds, for ever.
    ///
    /// Files are looked at (device, inode, size, time of change) and not watched by inotify: a
    /// watch follows the inode and so loses a file that is replaced by a rename, or by a symbolic
    /// link being turned, as certbot and container platforms do it, and network file systems
    /// report nothing.
    pub async fn watch(self: Arc<Self>) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let store = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || store.refresh()).await {
                Ok(faults) => {
                    for fault in faults {
                        tracing::error!("{fault}; the certificate read before stays in use");
                    }
                }
                Err(failure) => tracing::error!("reading the certificates failed: {failure}"),
            }
        }
    }

    /// Has a certificate served that an authority issued, once it is checked and on disk: the
    /// chain parses, the key fits, all hosts are covered, and it is good now. The one before is
    /// served until then. One that no entry wants any more is not taken.
    ///
    /// # Errors
    /// What is wrong with it, or with the disk. Then the one before is served still.
    pub fn install(
        &self,
        authority: &Authority,
        hosts: &[HostPattern],
        bytes: &Secret,
    ) -> Result<Life, String> {
        let pair = pair::issued(bytes, hosts).map_err(|problem| problem.to_string())?;
        let (now, life) = (self.clock.now(), life(&pair));
        if life.not_before > now.after(CLOCK_SKEW) || life.not_after <= now {
            return Err(format!(
                "what was issued is good from {} to {}, and here it is {now}: is this machine's \
                 clock right?",
                life.not_before, life.not_after
            ));
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.served.load();
        let mut entries = old.entries.clone();
        let wanted = |entry: &&mut Entry| is_asked_of(&entry.certificate, authority, hosts);
        let Some(entry) = entries.iter_mut().find(wanted) else {
            return Err("it is not in the configuration any more".to_owned());
        };
        let path = authority.certificate_file(hosts);
        issued::write(&path, bytes.expose()).map_err(|fault| fault.to_string())?;
        entry.pair = pair;
        self.serve(&old, entries, 1);
        Ok(life)
    }

    /// Serves other pairs for the same hosts.
    fn serve(&self, old: &Table, entries: Vec<Entry>, change: u64) {
        let table = Table {
            generation: old.generation + change,
            entries,
            exact: old.exact.clone(),
            wildcard: old.wildcard.clone(),
        };
        table.measure(old);
        self.served.store(Arc::new(table));
    }

    /// From when to when the certificate of an authority is good, and the certificate itself;
    /// `None` where none was issued.
    #[must_use]
    pub fn issued(
        &self,
        authority: &Authority,
        hosts: &[HostPattern],
    ) -> Option<(Life, CertificateDer<'static>)> {
        let served = self.served.load();
        let mut entries = served.entries.iter();
        let entry = entries.find(|entry| is_asked_of(&entry.certificate, authority, hosts))?;
        let pair = (!entry.pair.stands_in).then_some(&entry.pair)?;
        Some((life(pair), pair.key.cert.first()?.clone()))
    }

    /// What is served for a host name, as a client says it in SNI.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let table = self.served.load();
        let lower;
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = name.to_ascii_lowercase();
            &lower
        } else {
            name
        };
        let at = table.exact.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            table.wildcard.get(parent)
        });
        at.and_then(|at| table.entries.get(*at))
            .map(|entry| Arc::clone(&entry.pair.key))
    }

    /// Rises whenever what is served changes.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.served.load().generation
    }

    /// All that is served, in the order of the configuration.
    #[must_use]
    pub fn list(&self) -> Vec<Served> {
        let served = |entry: &Entry| Served {
            hosts: entry
                .certificate
                .hosts
                .iter()
                .map(ToString::to_string)
                .collect(),
            not_after: entry.pair.particulars.not_after,
            serial: entry.pair.particulars.serial.clone(),
            issuer: entry.pair.particulars.issuer.clone(),
            origin: match entry.certificate.origin {
                Origin::Files { .. } => "files",
                Origin::SelfSigned => "self_signed",
                Origin::Acme(_) => "acme",
            },
            stands_in: entry.pair.stands_in,
            not_before: entry.pair.particulars.not_before,
        };
        self.served.load().entries.iter().map(served).collect()
    }

    /// What is served and expired.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let now = self.clock.now();
        self.served
            .load()
            .entries
            .iter()
            .filter(|entry| entry.pair.particulars.not_after < now)
            .map(|entry| Warning {
                hosts: hosts(&entry.certificate),
                not_after: entry.pair.particulars.not_after,
            })
            .collect()
    }

    /// The certificate made here for `host`, in PEM, for those who are to trust it in a trial.
    #[must_use]
    pub fn self_signed_pem(&self, host: &Host) -> Option<String> {
        let table = self.served.load();
        let at = table.exact.get(host.as_str())?;
        table.entries.get(*at)?.pair.pem.clone()
    }
}

impl ResolvesServerCert for Store {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()?)
    }
}

impl Table {
    fn load(certificates: &[Certificate], old: &Self, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut table = Self {
            generation: old.generation + 1,
            ..Self::default()
        };
        let mut faults = Vec::new();
        for (number, certificate) in certificates.iter().enumerate() {
            table.claim(number, certificate, &mut faults);
            // Looked at before it is read: a change in between is seen the next time.
            let files = Fingerprint::of(certificate);
            let obtained = match old.made_for(certificate) {
                Some(pair) => Ok(pair),
                None => pair::obtain(certificate, now)
                    .map(|pair| old.better_than(pair, certificate, now)),
            };
            match obtained {
                Ok(pair) => table.entries.push(Entry {
                    certificate: certificate.clone(),
                    pair,
                    files,
                    refused: None,
                }),
                Err(problem) => faults.push(fault(number, certificate, problem)),
            }
        }
        if faults.is_empty() {
            Ok(table)
        } else {
            Err(faults)
        }
    }

    /// Says of each when it ends; of those that are gone, nothing any more.
    fn measure(&self, old: &Self) {
        let gauge = |entry: &Entry| {
            let hosts = hosts(&entry.certificate);
            metrics::gauge!("hubgate_certificate_not_after_seconds", "hosts" => hosts)
        };
        for entry in &old.entries {
            gauge(entry).set(f64::NAN);
        }
        for entry in &self.entries {
            let ends = entry.pair.particulars.not_after.since(Timestamp::default());
            gauge(entry).set(ends.as_secs_f64());
        }
    }

    fn claim(&mut self, number: usize, certificate: &Certificate, faults: &mut Vec<Fault>) {
        for host in &certificate.hosts {
            let names = if host.wildcard {
                &mut self.wildcard
            } else {
                &mut self.exact
            };
            if names.insert(host.name.as_str().into(), number).is_some() {
                let problem = Problem::Claimed { host: host.clone() };
                faults.push(fault(number, certificate, problem));
            }
        }
    }

    /// The pair that was made for the same hosts before.
    fn made_for(&self, certificate: &Certificate) -> Option<Pair> {
        let same = |entry: &&Entry| {
            entry.pair.pem.is_some() && entry.certificate.hosts == certificate.hosts
        };
        match certificate.origin {
            Origin::SelfSigned => Some(self.entries.iter().find(same)?.pair.clone()),
            Origin::Acme(ref authority) => {
                let mut entries = self.entries.iter();
                let hosts = &certificate.hosts;
                let same = entries.find(|it| is_asked_of(&it.certificate, authority, hosts));
                Some(same?.pair.clone())
            }
            Origin::Files { .. } => None,
        }
    }

    /// What stands in until an authority has issued one: rather what was served before for the
    /// same hosts, where clients still take that.
    fn better_than(&self, pair: Pair, certificate: &Certificate, now: Timestamp) -> Pair {
        let good = |entry: &&Entry| {
            !entry.pair.stands_in
                && entry.pair.pem.is_none()
                && pair::is_good_for(&entry.pair, &certificate.hosts, now)
        };
        match self.entries.iter().find(good) {
            Some(entry) if pair.stands_in => Pair {
                stands_in: true,
                ..entry.pair.clone()
            },
            Some(_) | None => pair,
        }
    }
}

fn is_asked_of(certificate: &Certificate, authority: &Authority, hosts: &[HostPattern]) -> bool {
    match &certificate.origin {
        Origin::Acme(own) => {
            own.certificate_file(&certificate.hosts) == authority.certificate_file(hosts)
        }
        Origin::Files { .. } | Origin::SelfSigned => false,
    }
}

fn life(pair: &Pair) -> Life {
    Life {
        not_before: pair.particulars.not_before,
        not_after: pair.particulars.not_after,
    }
}

fn fault(entry: usize, certificate: &Certificate, problem: Problem) -> Fault {
    Fault {
        entry,
        hosts: hosts(certificate),
        problem,
    }
}

fn hosts(certificate: &Certificate) -> String {
    let names: Vec<String> = certificate.hosts.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What tells one state of a certificate's files from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fingerprint {
    chain: Option<FileState>,
    key: Option<FileState>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    mode: u32,
    changed: (i64, i64),
}

impl Fingerprint {
    fn of(certificate: &Certificate) -> Self {
        match &certificate.origin {
            Origin::Files { chain, key } => Self {
                chain: FileState::of(chain),
                key: key.path().and_then(FileState::of),
            },
            // What is kept of an authority's is written by this process alone.
            Origin::SelfSigned | Origin::Acme(_) => Self {
                chain: None,
                key: None,
            },
        }
    }
}

impl FileState {
    /// Of the file at the end of all symbolic links; `None` where there is none.
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            mode: meta.mode(),
            // The change time moves with the content and with the permissions, and unlike the
            // modification time it cannot be set back.
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}
