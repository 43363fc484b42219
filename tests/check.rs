//! `hubgate check` and `hubgate config schema`, as a person runs them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const TRIAL: &str = include_str!("../conf/examples/trial.toml");

fn hubgate(arguments: &[&str], directory: &Path) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_hubgate"))
        .args(arguments)
        .current_dir(directory)
        .output()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("not UTF-8")
}

#[test]
fn a_right_file_is_summed_up_in_a_line_and_warnings_go_to_standard_error() {
    let place = tempfile::tempdir().unwrap();
    let spare = "[[source]]\nname = \"spare\"\nnetworks = [\"192.0.2.1\"]\n";
    std::fs::write(place.path().join("a.toml"), format!("{TRIAL}{spare}")).unwrap();
    let outcome = hubgate(&["check", "--config", "a.toml"], place.path()).unwrap();
    assert_eq!(
        text(&outcome.stdout),
        "a.toml: right: 1 route, 1 target, 2 sources, 1 listener\n"
    );
    let complaint = text(&outcome.stderr).lines().next().unwrap_or_default();
    assert!(complaint.starts_with("warning: a.toml:"), "{complaint}");
    assert!(complaint.ends_with("no `from` names the source `spare`"));
    assert_eq!(outcome.status.code(), Some(0));
}

#[test]
fn where_the_system_allows_few_open_files_a_warning_says_what_to_raise() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.toml"), TRIAL).unwrap();
    let outcome = Command::new("sh")
        .args(["-c", "ulimit -n 1000; exec \"$0\" check --config a.toml"])
        .arg(env!("CARGO_BIN_EXE_hubgate"))
        .current_dir(place.path())
        .output()
        .unwrap();
    let complaint = text(&outcome.stderr);
    assert!(
        complaint.starts_with("warning: the system lets a process have 1000 files open"),
        "{complaint}"
    );
    assert!(complaint.contains("`LimitNOFILE=`"), "{complaint}");
    assert_eq!(outcome.status.code(), Some(0));
}

#[test]
fn a_wrong_file_fails_with_every_mistake_on_standard_error() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.toml"), "[listen]\n[lgo]\n").unwrap();
    let outcome = hubgate(&["check", "--config", "a.toml"], place.path()).unwrap();
    assert_eq!(text(&outcome.stdout), "");
    assert_eq!(
        text(&outcome.stderr),
        "a.toml:1: listen: found a table, expected a list\n\
         a.toml:2: lgo: unknown key; did you mean `log`?\n\
         2 mistakes\n"
    );
    assert_eq!(outcome.status.code(), Some(1));
    let outcome = hubgate(&["check", "--config", "none.toml"], place.path()).unwrap();
    assert_eq!(
        text(&outcome.stderr),
        "none.toml: no such file\n1 mistake\n"
    );
    assert_eq!(outcome.status.code(), Some(1));
}

#[test]
fn the_environment_overrides_what_the_file_says() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.toml"), TRIAL).unwrap();
    let outcome = Command::new(env!("CARGO_BIN_EXE_hubgate"))
        .args(["check", "--config", "a.toml"])
        .current_dir(place.path())
        .env("HUBGATE__LOG__LEVEL", "loud")
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(1));
    let complaint = text(&outcome.stderr);
    assert!(
        complaint.starts_with("environment: HUBGATE__LOG__LEVEL: found `loud`"),
        "{complaint}"
    );
}

#[test]
fn the_schema_is_printed_and_a_reader_that_has_gone_is_no_failure() {
    let place = tempfile::tempdir().unwrap();
    let outcome = hubgate(&["config", "schema"], place.path()).unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(schema["title"], "hubgate.toml");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let outcome = Command::new(env!("CARGO_BIN_EXE_hubgate"))
        .args(["config", "schema"])
        .stdout(Stdio::from(writer))
        .output()
        .unwrap();
    assert_eq!(text(&outcome.stderr), "");
    assert!(outcome.status.success());
}
