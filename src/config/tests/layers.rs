//! The layers: what overrides what, and files that cannot be read.

use super::{Config, Environment, Place, RIGHT};
use crate::telemetry::log::Format;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

#[test]
fn tables_merge_lists_append_and_later_layers_override() {
    let place = Place::new();
    place.write(
        "hubgate.toml",
        format!("{RIGHT}[log]\nlevel = \"warn\"\nformat = \"text\"\n[spool]\nkeep = \"1d\"\n"),
    );
    place.write(
        "conf.d/20-later.toml",
        "[log]\nlevel = \"error\"\n[spool]\nmax_size = \"3GiB\"\n",
    );
    place.write(
        "conf.d/10-more.toml",
        "[log]\nlevel = \"debug\"\n[[source]]\nname = \"more\"\nnetworks = [\"198.51.100.0/24\"]\n\
         [[webhook]]\nurl = \"https://hooks.example.com/more\"\nfrom = [\"more\", \"office\"]\n\
         secrets = [\"env:HOOK\"]\nto = [{ name = \"more\", url = \"http://more.example/\" }]\n",
    );
    place.write("conf.d/30-left-out.txt", "not TOML");
    place.write("conf.d/.40-hidden.toml", "not TOML");
    fs::create_dir(place.path("conf.d/50-directory.toml")).unwrap();
    let environment = Environment::from([
        ("HOOK", "0123456789abcdef"),
        ("HUBGATE__GATEWAY__WORKERS", "3"),
        ("HUBGATE__GATEWAY__DRAIN", "7s"),
        ("HUBGATE__SPOOL__KEEP", "\"2d\""),
        ("HUBGATE_LOG_LEVEL", "ignored"),
        ("PATH", "/bin"),
    ]);
    let config = place.load(&environment).unwrap();
    assert_eq!(config.log.level, "error");
    assert_eq!(config.log.format, Format::Text);
    assert_eq!(config.spool.keep, Duration::from_secs(2 * 86_400));
    assert_eq!(config.spool.max_size.bytes(), 3 << 30);
    assert_eq!(config.gateway.workers, 3);
    assert_eq!(config.gateway.drain, Duration::from_secs(7));
    let routes: Vec<&str> = config.webhooks.iter().map(|r| r.key.as_str()).collect();
    assert_eq!(routes, ["hooks.example.com/jira", "hooks.example.com/more"]);
    assert_eq!(config.sources.len(), 2);
}

#[test]
fn a_mistake_names_the_file_it_is_in_and_the_other_where_two_clash() {
    let place = Place::new();
    place.write("hubgate.toml", format!("{RIGHT}[log]\nlevel = \"loud\"\n"));
    place.write(
        "conf.d/a.toml",
        "[[source]]\nname = \"office\"\nnetworks = [\"198.51.100.0/24\"]\n[[source]]\nname = 3\n",
    );
    place.write("conf.d/b.toml", "[log]\nformat = \"xml\"\n");
    let environment = Environment::from([
        ("HUBGATE__ADMIN__TOKEN", "canary"),
        ("HUBGATE__GATEWAY__WORKRES", "3"),
        ("HUBGATE__GATEWAY__WORKERS", "many"),
        ("HUBGATE__SPOLL__KEEP", "1d"),
        ("HUBGATE__WEBHOOK__URL", "https://x.example/"),
        ("HUBGATE__LOG", "x"),
        ("HUBGATE__LOG__", "x"),
        ("HUBGATE__GATEWAY__DRAIN", "inline:canary"),
    ]);
    let said = place.load(&environment).unwrap_err().to_string();
    assert!(!said.contains("canary"), "{said}");
    insta::assert_snapshot!(place.without_directory(&said));
}

#[test]
fn a_variable_that_is_not_text_is_a_mistake() {
    let place = Place::new();
    place.write("hubgate.toml", RIGHT);
    let value = OsString::from_vec(vec![0xff]);
    let environment = Environment::from([("HUBGATE__LOG__LEVEL", value)]);
    let said = place.load(&environment).unwrap_err().to_string();
    assert_eq!(
        said,
        "environment: HUBGATE__LOG__LEVEL: the value is not UTF-8\n1 mistake"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_as_such() {
    let place = Place::new();
    let say = |path: &std::path::Path| {
        let said = Config::load_with(path, &Environment::default(), None);
        place.without_directory(&said.unwrap_err().to_string())
    };
    let file = place.path("hubgate.toml");
    assert_eq!(say(&file), "DIR/hubgate.toml: no such file\n1 mistake");
    fs::create_dir(&file).unwrap();
    assert_eq!(
        say(&file),
        "DIR/hubgate.toml: is a directory, expected a TOML file\n1 mistake"
    );
    let pipe = place.path("pipe.toml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    assert_eq!(
        say(&pipe),
        "DIR/pipe.toml: is not a regular file, expected a TOML file\n1 mistake"
    );
    let binary = place.write("binary.toml", b"log = \xff");
    assert_eq!(
        say(&binary),
        "DIR/binary.toml: is not UTF-8: byte 6 begins no character\n1 mistake"
    );
    let large = place.write("large.toml", vec![b'\n'; (4 << 20) + 1]);
    assert_eq!(
        say(&large),
        "DIR/large.toml: is larger than 4 MiB, expected a configuration\n1 mistake"
    );
}

#[test]
fn what_is_wrong_with_conf_d_is_told() {
    let place = Place::new();
    place.write("hubgate.toml", RIGHT);
    place.write("conf.d", "a file");
    let said = place.load(&Environment::default()).unwrap_err().to_string();
    let said = place.without_directory(&said);
    assert_eq!(
        said,
        "DIR/conf.d: cannot list the directory: Not a directory (os error 20)\n1 mistake"
    );
    fs::remove_file(place.path("conf.d")).unwrap();
    fs::create_dir(place.path("conf.d")).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("conf.d/a.toml")).unwrap();
    let said = place.load(&Environment::default()).unwrap_err().to_string();
    assert_eq!(
        place.without_directory(&said),
        "DIR/conf.d/a.toml: no such file\n1 mistake"
    );
}

#[test]
fn a_syntax_error_in_one_file_does_not_hide_misfits_in_another() {
    let place = Place::new();
    place.write("hubgate.toml", "[[listen]\n");
    place.write("conf.d/a.toml", "[log]\nlevle = 1\n");
    let said = place.load(&Environment::default()).unwrap_err().to_string();
    insta::assert_snapshot!(place.without_directory(&said));
}

#[test]
fn relative_paths_start_at_the_file_that_says_them() {
    let place = Place::new();
    place.write_certificate("conf.d/ca.pem", "conf.d/ca.key", &["ca"]);
    place.write("hubgate.toml", RIGHT);
    place.write(
        "conf.d/a.toml",
        "insecure_inline_secrets = true\n[[webhook]]\nurl = \"https://hooks.example.com/more\"\n\
         from = \"anywhere\"\nsecrets = [\"inline:0123456789abcdef\"]\n\
         to = [{ name = \"more\", url = \"https://more.example/\", ca = \"ca.pem\" }]\n",
    );
    let config = place.load(&Environment::default()).unwrap();
    assert_eq!(
        config.webhooks[1].to[0].ca,
        Some(place.path("conf.d/ca.pem"))
    );
}
