//! What a reload cannot change: named by key, and left as it runs.

use super::{Place, RIGHT, config, with};
use crate::config::Config;
use crate::config::environment::Environment;
use std::path::{Path, PathBuf};

#[test]
fn a_restart_is_needed_for_what_a_reload_cannot_change() {
    let base = config(RIGHT);
    assert_eq!(base.restart_needed(&config(RIGHT)), Vec::<String>::new());
    let rows: [(&str, &str, &[&str]); 10] = [
        (
            "address = \"127.0.0.1:8443\"",
            "address = \"127.0.0.1:8444\"",
            &["listen.address"],
        ),
        (
            "[[listen]]",
            "[gateway]\nworkers = 2\n[[listen]]",
            &["gateway.workers"],
        ),
        (
            "[[listen]]",
            "[gateway]\nstate_dir = \"/srv\"\n[[listen]]",
            &["gateway.state_dir"],
        ),
        (
            "[[listen]]",
            "[spool]\nkeep = \"1d\"\n[[listen]]",
            &["spool.keep"],
        ),
        (
            "[[listen]]",
            "[spool]\nmax_size = \"1GiB\"\n[[listen]]",
            &["spool.max_size"],
        ),
        (
            "[[listen]]",
            "[admin]\nsocket = \"/x\"\n[[listen]]",
            &["admin.socket"],
        ),
        (
            "[[listen]]",
            "[admin]\naddress = \"127.0.0.1:1\"\ntoken = \"inline:0123456789abcdef\"\n[[listen]]",
            &["admin.address", "admin.token"],
        ),
        ("[[listen]]", "[gateway]\ndrain = \"1s\"\n[[listen]]", &[]),
        ("[[listen]]", "[log]\nlevel = \"debug\"\n[[listen]]", &[]),
        (
            "url = \"https://hooks.example.com/jira\"",
            "url = \"https://hooks.example.com/other\"",
            &[],
        ),
    ];
    for (from, to, expected) in rows {
        assert_eq!(
            base.restart_needed(&config(&with(from, to))),
            expected,
            "{to}"
        );
    }
}

#[test]
fn what_waits_for_a_restart_stays_as_it_runs_and_is_named_each_time() {
    let place = Place::new();
    place.write("token", "0123456789abcdef");
    let token = place.path("token").display().to_string();
    let keys = |state: &str| {
        let sections = format!(
            "[gateway]\nstate_dir = \"{state}\"\n[admin]\ntoken = \"file:{token}\"\n[[listen]]"
        );
        RIGHT.replacen("[[listen]]", &sections, 1)
    };
    let environment = Environment::default();
    place.write("hubgate.toml", keys("/one"));
    let mut running = place.load(&environment).unwrap();
    let file = place.path("hubgate.toml");
    let again = |running: &Config| running.load_again_with(&file, &environment).unwrap();
    assert_eq!(again(&running).1, Vec::<String>::new());

    place.write("hubgate.toml", keys("/two"));
    for _ in 0..2 {
        let (config, waiting) = again(&running);
        assert_eq!(waiting, ["gateway.state_dir"]);
        assert_eq!(config.gateway.state_dir, Path::new("/one"));
        assert_eq!(config.spool.directory, Path::new("/one/spool"));
        assert_eq!(config.app_place.directory, PathBuf::from("/one/apps"));
        running = config;
    }
    // The same file with another token in it.
    place.write("hubgate.toml", keys("/one"));
    place.write("token", "another token altogether");
    let (config, waiting) = again(&running);
    assert_eq!(waiting, ["admin.token"]);
    assert_eq!(again(&config).1, ["admin.token"]);
    place.write("token", "0123456789abcdef");
    assert_eq!(again(&config).1, Vec::<String>::new());
}
