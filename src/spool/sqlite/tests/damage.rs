//! Damage on disk is noticed and said, never delivered and never cut off in silence; and who may
//! open the spool at all.

use super::settings;
use crate::spool::contract::{Case, name};
use crate::spool::sqlite::{Engine, OpenError};
use crate::spool::{Condition, Fate, Order, State};
use crate::types::{Clock as _, SystemClock};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

fn database(case: &Case) -> PathBuf {
    case.directory.path().join("spool/spool.db")
}

fn overwrite(case: &Case, at: u64, bytes: &[u8]) {
    let file = std::fs::OpenOptions::new().write(true).open(database(case));
    file.unwrap().write_all_at(bytes, at).unwrap();
}

fn set_aside(case: &Case) -> usize {
    let files = std::fs::read_dir(case.directory.path().join("spool")).unwrap();
    files
        .filter(|file| {
            let name = file.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("spool.db.damaged-")
        })
        .count()
}

/// Overwrites the first page of a table or an index.
fn spoil(case: &Case, what: &str) {
    let db = rusqlite::Connection::open(database(case)).unwrap();
    let page: u64 = db
        .query_row(
            "select rootpage from sqlite_schema where name = ?1",
            [what],
            |row| row.get(0),
        )
        .unwrap();
    drop(db);
    overwrite(case, (page - 1) * 8192, &[0xff; 8192]);
}

#[tokio::test]
async fn a_flipped_bit_in_a_body_is_noticed_and_never_delivered() {
    let mut case = Case::new(super::open);
    let body = [b"spoil me here ".as_slice(), &[b'x'; 30_000]].concat();
    let id = case.stored(case.intake("g", &body)).await;
    let sound = case.stored(case.intake("h", b"sound")).await;
    case.spool.close().await;
    let file = std::fs::read(database(&case)).unwrap();
    let at = file
        .windows(13)
        .position(|found| found == b"spoil me here")
        .unwrap();
    overwrite(&case, at as u64, &[file[at] ^ 1]);
    case.restart().await;
    let got = case.claim("jira", Order::None).await;
    assert_eq!(got.iter().map(|got| got.id).collect::<Vec<_>>(), [sound]);
    let depths = case.spool.depths().await.unwrap();
    assert_eq!((depths[0].1.pending, depths[0].1.dead), (1, 1));
    let (_, error) = depths[0].1.last_error.as_ref().unwrap();
    assert!(error.contains("stored bytes are damaged"), "{error}");
    let shown = case.spool.show(id).await.unwrap_err();
    assert!(shown.why.contains("damaged"), "{shown}");
    let page = case.spool.find(Default::default(), None, 10).await.unwrap();
    assert_eq!(page.deliveries[1].targets[0].state, State::Dead);
    assert_eq!(case.spool.condition(), Condition::Ready);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_whole() {
    let mut case = Case::new(super::open);
    case.stored(case.intake("g", b"one")).await;
    case.spool.close().await;
    overwrite(&case, 0, &[0x55; 100]);
    let spoilt = std::fs::read(database(&case)).unwrap();
    case.restart().await;
    assert_eq!(case.spool.room().deliveries, 0);
    case.stored(case.intake("g", b"one")).await;
    let aside = format!("spool/spool.db.damaged-{}", case.clock.now().as_millis());
    let aside = std::fs::read(case.directory.path().join(aside)).unwrap();
    assert!(aside == spoilt);
}

#[tokio::test]
async fn damage_in_the_table_of_tasks_is_found_at_the_start() {
    let mut case = Case::new(super::open);
    case.stored(case.intake("g", b"one")).await;
    case.spool.close().await;
    spoil(&case, "task");
    case.restart().await;
    assert_eq!(set_aside(&case), 1);
}

#[tokio::test]
async fn damage_met_while_running_stops_everything_and_is_set_aside_at_the_next_start() {
    let mut case = Case::new(super::open);
    let id = case.stored(case.intake("g", b"one")).await;
    case.spool.close().await;
    spoil(&case, "task_dead");
    case.restart().await;
    assert_eq!(set_aside(&case), 0);
    assert_eq!(case.claim("jira", Order::None).await[0].id, id);
    let end = crate::spool::Settlement {
        id,
        target: name("jira"),
        at: case.clock.now(),
        took: std::time::Duration::ZERO,
        status: None,
        error: String::new(),
        fate: Fate::Dead,
    };
    assert!(case.spool.settle(end).await.is_err());
    assert!(matches!(case.spool.condition(), Condition::Broken(_)));
    assert!(case.spool.put(case.intake("h", b"two")).await.is_err());
    case.restart().await;
    assert_eq!(set_aside(&case), 1);
    assert_eq!(case.spool.condition(), Condition::Ready);
    case.restart().await;
    assert_eq!(set_aside(&case), 1);
}

#[tokio::test]
async fn a_suspect_database_that_is_sound_is_kept() {
    let mut case = Case::new(super::open);
    let id = case.stored(case.intake("g", b"one")).await;
    case.spool.close().await;
    let note = case.directory.path().join("spool/suspect");
    std::fs::write(&note, "the disk was loose").unwrap();
    case.restart().await;
    assert_eq!(case.claim("jira", Order::None).await[0].id, id);
    assert!(!note.exists());
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let case = Case::new(super::open);
    case.spool.close().await;
    let db = rusqlite::Connection::open(database(&case)).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    db.close().unwrap();
    let before = std::fs::read(database(&case)).unwrap();
    let refusal = Engine::open(&settings(case.directory.path()), Arc::new(SystemClock));
    let refusal = refusal.unwrap_err();
    assert!(matches!(
        refusal,
        OpenError::Newer {
            found: 2,
            known: 1,
            ..
        }
    ));
    assert!(refusal.to_string().contains("later hubgate"), "{refusal}");
    assert!(std::fs::read(database(&case)).unwrap() == before);
}

#[tokio::test]
async fn one_process_at_a_time_has_it() {
    let case = Case::new(super::open);
    let refusal = Engine::open(&settings(case.directory.path()), Arc::new(SystemClock));
    let text = refusal.unwrap_err().to_string();
    assert!(text.contains("in use by another hubgate"), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
}

#[tokio::test]
async fn others_cannot_look_into_it() {
    let case = Case::new(super::open);
    case.stored(case.intake("g", b"one")).await;
    let directory = case.directory.path().join("spool");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in std::fs::read_dir(&directory).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refusal = Engine::open(&settings(file.path()), Arc::new(SystemClock)).unwrap_err();
    let text = refusal.to_string();
    assert!(text.contains(&file.path().display().to_string()), "{text}");
    assert!(text.contains("cannot make it"), "{text}");
}
