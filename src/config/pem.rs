//! PEM files that the configuration names: are they there, and do they hold what they should?
//! Whether a certificate is trusted or still valid is for others to see.

use super::key::Key;
use super::mistake::shown;
use super::secret::Found;
use super::translation::Translation;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A bundle of all public authorities is about 220 KiB.
const LARGEST: u64 = 4 << 20;

impl Translation<'_> {
    /// The path of a file with certificates, relative to the configuration's directory, and what
    /// it holds.
    pub(super) fn certificates(
        &mut self,
        key: &Key,
        path: &str,
    ) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
        let path = key.origin().directory.join(path);
        match read(&path) {
            Ok(certificates) => Some((path, certificates)),
            Err(why) => {
                let path = shown(&path.to_string_lossy());
                self.wrong(
                    key,
                    format!("{path} {why}; expected a PEM file with certificates"),
                );
                None
            }
        }
    }

    /// Whether a secret is the private key of the first certificate of `chain`.
    pub(super) fn is_key_of(
        &mut self,
        key: &Key,
        secret: &Found,
        chain: Option<&[CertificateDer<'static>]>,
    ) {
        let Ok(private) = PrivateKeyDer::from_pem_slice(secret.value.expose()) else {
            self.wrong(key, "is not a private key in PEM; expected one that begins with `-----BEGIN PRIVATE KEY-----` or alike");
            return;
        };
        let Some(chain) = chain else { return };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = rustls::sign::CertifiedKey::from_der(chain.to_vec(), private, &provider);
        match pair {
            Ok(_) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                self.wrong(key, "is not the key of the first certificate in `chain`");
            }
            Err(why) => self.wrong(key, format!("cannot be used with `chain`: {why}")),
        }
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |why: std::io::Error| format!("cannot be read: {why}");
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 4 MiB".to_owned());
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("holds no certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        // The reason would quote the line, and the file may be the wrong one: a key.
        Err(_) => Err("is not well-formed PEM".to_owned()),
    }
}
