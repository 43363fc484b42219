//! What was issued and nobody wants any more goes when nobody can use it any more.

use super::{Certificate, Origin, issued, pair};
use crate::types::Timestamp;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a certificate has been over when its file goes, so that a host that is taken out by
/// mistake, or the way back to an older configuration, finds what it had.
const KEPT_AFTER_ITS_END: Duration = Duration::from_secs(30 * 24 * 3600);

/// Removes from `place` the certificates that are in none of `wanted` and over for a month. What is
/// not a certificate that this house keeps is left alone, and so are accounts, which have no end.
pub fn tidy(place: &Path, wanted: &[Certificate], now: Timestamp) {
    let wanted: HashSet<PathBuf> = wanted.iter().filter_map(file).collect();
    let entries = match std::fs::read_dir(place) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return,
        Err(fault) => {
            tracing::warn!("cannot list `{}`: {fault}", place.display());
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !regular || !is_ours(&path) || wanted.contains(&path) {
            continue;
        }
        let Some(not_after) = ends(&path) else {
            continue;
        };
        if not_after.after(KEPT_AFTER_ITS_END) > now {
            continue;
        }
        let file = path.display();
        match std::fs::remove_file(&path) {
            Ok(()) => {
                tracing::info!(%file, %not_after, "a certificate was removed that no [[certificate]] wants and that is over for a month");
            }
            Err(fault) => tracing::warn!("cannot remove `{file}`: {fault}"),
        }
    }
}

fn file(certificate: &Certificate) -> Option<PathBuf> {
    match &certificate.origin {
        Origin::Acme(authority) => Some(authority.certificate_file(&certificate.hosts)),
        Origin::Files { .. } | Origin::SelfSigned => None,
    }
}

/// Whether it has the name of what [`super::Authority::certificate_file`] names.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let stem = name.and_then(|name| name.strip_suffix(".pem"));
    let digest = stem.and_then(|stem| stem.rsplit_once('-'));
    digest.is_some_and(|(host, digest)| {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        !host.is_empty() && digest.len() == 16 && digest.bytes().all(hexadecimal)
    })
}

fn ends(path: &Path) -> Option<Timestamp> {
    match issued::read(path) {
        Ok(bytes) => pair::ends(&bytes?),
        Err(fault) => {
            tracing::warn!("{fault}");
            None
        }
    }
}
