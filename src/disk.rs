//! Files that are there whole or not at all, whenever the power goes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a directory for its owner alone, and those above it, where there is none.
///
/// # Errors
/// What the system said.
pub fn make(directory: &Path) -> io::Result<()> {
    let mut maker = DirBuilder::new();
    maker.recursive(true).mode(0o700).create(directory)
}

/// Puts a file in the place of what was there, for its owner alone to read. When this returns, it
/// is on disk, on storage that honours flush.
///
/// # Errors
/// What the system said. What was there is there still; or the new one, whole, which a power cut
/// may take back, where no more than the directory could not be synced.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let fresh = path.with_added_extension("new");
    // One that was left behind keeps the mode that it has: it goes first.
    match fs::remove_file(&fresh) {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(failure),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync(directory)
}

/// Has a directory's names on disk: that a file was made, renamed or removed.
///
/// # Errors
/// What the system said.
pub fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn it_is_for_its_owner_alone_whatever_was_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("held/one.json");
        make(path.parent().unwrap()).unwrap();
        replace(&path, b"first").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

        let left = place.path().join("held/one.json.new");
        fs::write(&left, "half of somethi").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o666)).unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(mode(&path), 0o600);
        assert!(!left.exists());
    }

    #[test]
    fn where_it_cannot_be_written_what_was_there_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("one.json");
        replace(&path, b"first").unwrap();
        // Nobody can remove this as a file, nor write to it.
        fs::create_dir(place.path().join("one.json.new")).unwrap();
        assert!(replace(&path, b"second").is_err());
        // A directory that is gone, such as that of a disk, is not made anew behind one's back.
        assert!(replace(&place.path().join("gone/one.json"), b"first").is_err());
        assert!(!place.path().join("gone").exists());
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }
}
