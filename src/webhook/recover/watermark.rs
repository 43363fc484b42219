//! Until when GitHub's list was looked through, and what was sent again: on disk, since it is
//! about what happens while the gateway is down.

use crate::types::{Name, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Watermark {
    /// Until when all was looked at; none where that never was.
    pub(super) until: Option<Timestamp>,
    /// Which spool it was held against.
    pub(super) spool: Option<String>,
    /// The GUIDs that were sent again, and when.
    pub(super) tried: BTreeMap<Arc<str>, Timestamp>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Text {
    until: Option<i64>,
    spool: Option<String>,
    tried: BTreeMap<String, i64>,
}

impl Watermark {
    pub(super) fn path(directory: &Path, app: &Name) -> PathBuf {
        directory.join(format!("{app}.json"))
    }

    /// What is on disk. One that cannot be read is as good as none, which is said.
    pub(super) fn read(directory: &Path, app: &Name) -> Self {
        let path = Self::path(directory, app);
        let read = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice::<Text>(&bytes)?));
        match read {
            Ok(text) => Self {
                until: text.until.map(Timestamp::from_millis),
                spool: text.spool,
                tried: text
                    .tried
                    .into_iter()
                    .map(|(guid, at)| (guid.into(), Timestamp::from_millis(at)))
                    .collect(),
            },
            Err(why) => {
                if why.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(
                        "`{}` cannot be read, and is begun anew: {why}",
                        path.display()
                    );
                }
                Self::default()
            }
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let tried = self.tried.iter();
        let text = Text {
            until: self.until.map(Timestamp::as_millis),
            spool: self.spool.clone(),
            tried: tried
                .map(|(guid, at)| (guid.to_string(), at.as_millis()))
                .collect(),
        };
        // Strings and numbers alone: that cannot fail.
        serde_json::to_vec(&text).unwrap_or_default()
    }

    /// Whether what it was held against is not the spool that is there now.
    pub(super) fn is_of_another_spool(&self, spool: Option<&str>) -> bool {
        self.until.is_some() && self.spool.as_deref() != spool
    }
}
