//! The requests of LFS's API, by <https://github.com/git-lfs/git-lfs/tree/main/docs/api>.

use crate::publish::operation::{Access, Verb};
use serde::Deserialize;
use std::borrow::Cow;

/// A request below `info/lfs/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// `objects/batch`: its body says whether it reads or writes.
    Batch,
    /// `objects/{oid}`, or one level below, where some servers have their store.
    Object,
    /// `locks`.
    Locks,
    /// What only a push does: verifying an object, verifying locks, unlocking, LFS's first API.
    Push,
    Unknown,
}

impl Request {
    pub(super) fn of(rest: &[&str]) -> Self {
        match rest {
            ["objects", "batch"] => Self::Batch,
            ["objects"] | ["verify"] | ["objects", _, "verify"] => Self::Push,
            ["locks", "verify"] | ["locks", _, "unlock"] => Self::Push,
            ["objects", "verify"] => Self::Push,
            ["objects", _] | ["objects", _, _] => Self::Object,
            ["locks"] => Self::Locks,
            _ => Self::Unknown,
        }
    }

    /// What it does; `Some(None)` where the body says it, none where there is no such request.
    #[expect(clippy::option_option, reason = "the inner one is `What::Lfs`'s")]
    pub(super) fn access(self, verb: Option<Verb>) -> Option<Option<Access>> {
        match (self, verb?) {
            (Self::Batch, Verb::Post) => Some(None),
            (Self::Object | Self::Locks, Verb::Get) => Some(Some(Access::Read)),
            (Self::Object, Verb::Put) => Some(Some(Access::Write)),
            (Self::Locks | Self::Push, Verb::Post) => Some(Some(Access::Write)),
            _ => None,
        }
    }
}

/// Why the body of a batch does not say what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum BatchFault {
    /// It is not the JSON that it should be, or says `operation` twice.
    #[error("the body is no LFS batch request: {0}")]
    Json(#[from] serde_json::Error),
    /// Neither `download` nor `upload`.
    #[error("the LFS batch asks for neither `download` nor `upload`")]
    Operation,
}

/// What the body of a batch request asks for: a download reads, an upload writes.
///
/// # Errors
/// What is wrong with the body.
pub fn batch(body: &[u8]) -> Result<Access, BatchFault> {
    #[derive(Deserialize)]
    struct Batch<'a> {
        #[serde(borrow)]
        operation: Cow<'a, str>,
    }
    let batch: Batch<'_> = serde_json::from_slice(body)?;
    match &*batch.operation {
        "download" => Ok(Access::Read),
        "upload" => Ok(Access::Write),
        _ => Err(BatchFault::Operation),
    }
}
