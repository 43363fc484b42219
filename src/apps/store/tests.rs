//! Tests of what is kept, and of how.

use super::*;
use crate::types::{AppId, Secret, Timestamp};

fn place(directory: &Path) -> Place {
    Place {
        directory: directory.join("apps"),
        key: None,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn stored() -> Stored {
    Stored {
        name: "sync".parse().unwrap(),
        github: "ghes".parse().unwrap(),
        id: AppId(12),
        slug: "sync-app".to_owned(),
        client_id: "Iv1".to_owned(),
        client_secret: secret("canary-client"),
        webhook_secret: None,
        keys: vec![secret("canary-key")],
    }
}

fn pending() -> Pending {
    Pending {
        name: "next".parse().unwrap(),
        github: "ghes".parse().unwrap(),
        post: "https://ghes/settings/apps/new".to_owned(),
        manifest: "{}".to_owned(),
        state: secret("canary-state"),
        open: "http://127.0.0.1:9180/x".to_owned(),
        until: Timestamp::from_millis(1),
        stage: Stage::Waiting,
    }
}

#[test]
fn what_is_kept_comes_back_and_nothing_of_it_is_readable_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    assert!(Store::open(&place).unwrap().is_none());
    let store = Store::make(&place).unwrap();
    store.put(&stored()).unwrap();
    store.put_pending(&pending()).unwrap();
    let store = Store::open(&place).unwrap().unwrap();
    let found = store.apps().unwrap().pop().unwrap();
    assert_eq!((found.name, found.id), (stored().name, AppId(12)));
    assert_eq!(found.keys[0].expose(), b"canary-key");
    let found = store.pending().unwrap().pop().unwrap();
    assert_eq!(found.state.expose(), b"canary-state");
    let mut seen = 0;
    for entry in fs::read_dir(&place.directory).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            fs::metadata(&path).unwrap().mode() & 0o7777,
            0o600,
            "{path:?}"
        );
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"canary"), "{path:?}");
        seen += 1;
    }
    assert_eq!(seen, 3, "an App, one being made, and the key");
    assert_eq!(
        fs::metadata(&place.directory).unwrap().mode() & 0o777,
        0o700
    );
    store.forget(&stored().name).unwrap();
    store.forget(&stored().name).unwrap();
    store.forget_pending(&pending().name).unwrap();
    assert!(store.apps().unwrap().is_empty() && store.pending().unwrap().is_empty());
}

#[test]
fn what_was_sealed_with_another_key_moved_or_changed_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let store = Store::make(&place).unwrap();
    store.put(&stored()).unwrap();
    let file = place.directory.join("sync.app");
    let good = fs::read(&file).unwrap();
    let moved = place.directory.join("other.app");
    fs::rename(&file, &moved).unwrap();
    assert!(matches!(store.apps(), Err(StoreError::Sealed { .. })));
    fs::remove_file(&moved).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&file, &bad).unwrap();
    assert!(matches!(store.apps(), Err(StoreError::Sealed { .. })));
    fs::write(&file, b"short").unwrap();
    assert!(matches!(store.apps(), Err(StoreError::Sealed { .. })));
    fs::write(&file, &good).unwrap();
    assert_eq!(store.apps().unwrap().len(), 1);
    let key = directory.path().join("given");
    put_file(&key, &[7; 32]).unwrap();
    let other = Place {
        key: Some(key.clone()),
        ..place
    };
    let store = Store::open(&other).unwrap().unwrap();
    let said = store.apps().unwrap_err().to_string();
    assert!(said.contains(&key.display().to_string()), "{said}");
}

#[test]
fn a_key_that_others_can_read_or_that_is_none_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("given");
    fs::write(&key, [7; 31]).unwrap();
    let place = Place {
        directory: directory.path().to_owned(),
        key: Some(key.clone()),
    };
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Store::open(&place), Err(StoreError::Exposed(_))));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Store::open(&place), Err(StoreError::Short(_))));
    fs::remove_file(&key).unwrap();
    assert!(matches!(Store::open(&place), Err(StoreError::Read { .. })));
}
