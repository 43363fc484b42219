//! The last good list on disk: a small JSON file that is replaced whole or not at all.

use super::{List, Origin, Settings, document};
use crate::disk;
use crate::types::Timestamp;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

/// Why a list could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It cannot be written.
    #[error("cannot keep the source list in `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read the kept source list `{path}`: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    url: String,
    sections: Vec<String>,
    confirmed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    networks: Vec<String>,
}

/// `{directory}/NAME.json`.
pub(super) fn file(settings: &Settings) -> PathBuf {
    settings.directory.join(format!("{}.json", settings.name))
}

/// What was kept, if anything was and it is of the same document and sections.
pub(super) fn read(settings: &Settings) -> Result<Option<List>, KeepError> {
    let path = file(settings);
    let wrong = |why: String| KeepError::Read {
        path: path.clone(),
        why,
    };
    let bytes = match File::open(&path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(LARGEST)
                .read_to_end(&mut bytes)
                .map_err(|failure| wrong(failure.to_string()))?;
            bytes
        }
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(failure) => return Err(wrong(failure.to_string())),
    };
    let kept: Kept =
        serde_json::from_slice(&bytes).map_err(|failure| wrong(failure.to_string()))?;
    if kept.url != settings.url.as_str() || kept.sections != settings.sections {
        return Ok(None);
    }
    let confirmed: jiff::Timestamp = kept
        .confirmed
        .parse()
        .map_err(|failure: jiff::Error| wrong(failure.to_string()))?;
    let mut networks = kept
        .networks
        .iter()
        .map(|text| document::network(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|failure| wrong(failure.to_string()))?;
    if networks.is_empty() {
        return Err(wrong("it names no network".to_owned()));
    }
    networks.sort_unstable();
    networks.dedup();
    Ok(Some(List {
        networks,
        confirmed: Some(Timestamp::from_millis(confirmed.as_millisecond())),
        origin: Origin::Kept,
        etag: kept.etag,
    }))
}

/// Replaces the file. When this returns, the new one is on disk.
pub(super) async fn write(settings: &Settings, list: &List) -> Result<(), KeepError> {
    let path = file(settings);
    let kept = Kept {
        url: settings.url.to_string(),
        sections: settings.sections.clone(),
        confirmed: list.confirmed.unwrap_or_default().to_string(),
        etag: list.etag.clone(),
        networks: list.networks.iter().map(ToString::to_string).collect(),
    };
    let target = path.clone();
    let written = tokio::task::spawn_blocking(move || {
        let text = serde_json::to_vec_pretty(&kept)?;
        target.parent().map_or(Ok(()), disk::make)?;
        disk::replace(&target, &text)
    })
    .await;
    written
        .unwrap_or_else(|failure| Err(io::Error::other(failure)))
        .map_err(|source| KeepError::Write { path, source })
}

/// As many networks as a document may have, each with its quotes and indent.
const LARGEST: u64 = 16 << 20;
