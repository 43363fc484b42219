//! Second stops: where GHES sends a client to for the bytes of an archive, a file or an asset.
//! They are the operation that led there, so that what lets the first stop through lets through the
//! second, and nothing else does.

use super::shape::{Shape, Stop, repository};
use super::{Asked, Refusal, Site, What};
use crate::publish::operation::{Operation, Subject, Verb};
use crate::publish::path::Path;

impl Asked {
    pub(super) fn stop(&mut self, stop: Stop) -> Result<(), Refusal> {
        if self.verb != Some(Verb::Get) {
            return Ok(());
        }
        let found = named(stop, &self.path);
        let id = found.map(|(id, _)| id);
        // Whoever decodes before looking must come to the same bytes.
        let other = |path: &Path| match Shape::of(path, Site::Main) {
            Ok(Shape::Stop(stop)) => named(stop, path).map(|(id, _)| id) != id,
            _ => true,
        };
        let ambiguous = self.path.readings().iter().any(other);
        let Some((id, owner)) = found else {
            return if ambiguous {
                Err(Refusal::Ambiguous)
            } else {
                Ok(())
            };
        };
        let Some(operation) = Operation::named(id) else {
            return Ok(());
        };
        if let Some(owner) = owner {
            self.subject = repository(&self.path, owner)?;
        }
        if ambiguous {
            return Err(Refusal::Ambiguous);
        }
        self.what = What::Operation(operation);
        let readings = self.path.readings();
        let paths = [&self.path].into_iter().chain(&readings);
        self.stops = paths
            .flat_map(|path| self.as_asked(stop, id, path))
            .collect();
        Ok(())
    }

    /// The API's paths that the rules of a profile may be written for. Where a branch's name ends
    /// and a file's begins cannot be seen, so there is one for each place.
    fn as_asked(&self, stop: Stop, id: &str, path: &Path) -> Vec<Path> {
        let Subject::Repository { owner, name } = &self.subject else {
            return Vec::new();
        };
        let below = |words: &[&'static str], from: usize| {
            let repository = ["repos", owner, name];
            let head = repository.into_iter().chain(words.iter().copied());
            Path::of(head.chain(path.segments().skip(from)))
        };
        let ball = if id == TAR { "tarball" } else { "zipball" };
        match stop {
            Stop::Codeload(owner) => vec![below(&[ball], owner + 3)],
            Stop::Archive | Stop::Ball => vec![below(&[ball], 3)],
            Stop::Content(_, branch) => {
                let files = branch + 1..path.len();
                files.map(|from| below(&["contents"], from)).collect()
            }
            Stop::Asset => vec![below(&["releases", "assets"], path.len().saturating_sub(1))],
            Stop::Stored => Vec::new(),
        }
    }
}

/// The operation that leads there, and where its repository's owner stands.
fn named(stop: Stop, path: &Path) -> Option<(&'static str, Option<usize>)> {
    // A server that does not care for case serves the same bytes in any.
    let word = |at: usize| path.segment(at).to_ascii_lowercase();
    let last = word(path.len().checked_sub(1)?);
    match stop {
        Stop::Codeload(owner) => match word(owner + 2).as_str() {
            "legacy.tar.gz" | "tar.gz" => Some((TAR, Some(owner))),
            "legacy.zip" | "zip" => Some((ZIP, Some(owner))),
            _ => None,
        },
        Stop::Archive if last.ends_with(".tar.gz") => Some((TAR, Some(0))),
        Stop::Archive if last.ends_with(".zip") => Some((ZIP, Some(0))),
        Stop::Archive => None,
        Stop::Ball => match word(2).as_str() {
            "tarball" | "legacy.tar.gz" => Some((TAR, Some(0))),
            _ => Some((ZIP, Some(0))),
        },
        Stop::Content(owner, _) => Some(("repos/get-content", Some(owner))),
        Stop::Asset => Some(("repos/get-release-asset", Some(0))),
        Stop::Stored => Some(("repos/get-release-asset", None)),
    }
}

const TAR: &str = "repos/download-tarball-archive";
const ZIP: &str = "repos/download-zipball-archive";
