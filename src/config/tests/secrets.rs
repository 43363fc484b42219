//! Where secrets may come from, and that none of them is ever shown.

use super::{Environment, Place, RIGHT, with};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const SECRET: &str = "secrets = [\"inline:a secret of some length\"]";

#[test]
fn a_secret_is_read_from_the_credentials_directory_or_where_an_absolute_path_says() {
    let place = Place::new();
    place.write("credentials/hook", "0123456789abcdef\n");
    let elsewhere = place.write("elsewhere", "fedcba9876543210");
    let two = format!(
        "secrets = [\"file:hook\", \"file:{}\"]",
        elsewhere.display()
    );
    place.write("hubgate.toml", with(SECRET, &two));
    let credentials = place.path("credentials");
    let environment = Environment::from([("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]);
    let config = place.load(&environment).unwrap();
    let secrets: Vec<_> = config.webhooks[0]
        .secrets
        .iter()
        .map(|source| (source.path().unwrap().to_owned(), source.read().unwrap()))
        .collect();
    assert_eq!(secrets[0].0, credentials.join("hook"));
    assert_eq!(secrets[0].1.expose(), b"0123456789abcdef");
    assert_eq!(secrets[1].0, elsewhere);
    assert_eq!(secrets[1].1.expose(), b"fedcba9876543210");
}

#[test]
fn without_a_credentials_directory_secrets_are_in_etc() {
    let directory = std::path::Path::new("/etc/hubgate/secrets");
    assert_eq!(Environment::default().secrets_directory(), directory);
    let empty = Environment::from([("CREDENTIALS_DIRECTORY", "")]);
    assert_eq!(empty.secrets_directory(), directory);
}

#[test]
fn a_secret_is_read_from_the_environment() {
    let place = Place::new();
    place.write(
        "hubgate.toml",
        with(SECRET, "secrets = [\"env:JIRA_HOOK\"]"),
    );
    let environment = Environment::from([("JIRA_HOOK", "0123456789abcdef")]);
    let config = place.load(&environment).unwrap();
    let secret = &config.webhooks[0].secrets[0];
    assert_eq!(secret.read().unwrap().expose(), b"0123456789abcdef");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn a_secret_that_cannot_be_had_is_a_mistake_that_does_not_show_it() {
    let place = Place::new();
    let open = place.write("open", "canary");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    place.write("empty", "\n");
    place.write("large", vec![b'x'; (1 << 20) + 1]);
    fs::create_dir(place.path("directory")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path("pipe"), 0o600.into()).unwrap();
    let rows = [
        (
            "file:open",
            "secret file `DIR/open` has mode 0644, which lets others read it; run `chmod o-rwx DIR/open`",
        ),
        ("file:empty", "secret file `DIR/empty` is empty"),
        ("file:large", "secret file `DIR/large` is larger than 1 MiB"),
        (
            "file:directory",
            "secret file `DIR/directory` is not a regular file",
        ),
        ("file:pipe", "secret file `DIR/pipe` is not a regular file"),
        (
            "file:none",
            "cannot read secret file `DIR/none`: No such file or directory (os error 2)",
        ),
        (
            "file:",
            "found `file:` and no name, expected `file:NAME` or `env:NAME`",
        ),
        (
            "env:",
            "found `env:` and no name, expected `file:NAME` or `env:NAME`",
        ),
        (
            "env:HUBGATE_TESTS_NEVER_SET_THIS",
            "environment variable `HUBGATE_TESTS_NEVER_SET_THIS` is not set",
        ),
        ("env:A=B", "environment variable `A=B` is not set"),
        (
            "canary",
            "found text that names no secret, expected `file:NAME` or `env:NAME`",
        ),
        (
            "vault:canary",
            "found text that names no secret, expected `file:NAME` or `env:NAME`",
        ),
        ("inline:", "the secret after `inline:` is empty"),
    ];
    for (text, expected) in rows {
        let said = place.complaint(&with(SECRET, &format!("secrets = [\"{text}\"]")));
        let expected = format!("configuration:15: webhook[0].secrets[0]: {expected}\n1 mistake");
        assert_eq!(said, expected, "{text}");
        assert!(!said.contains("canary"));
    }
}

#[test]
fn an_inline_secret_needs_the_word_of_its_own_file() {
    let place = Place::new();
    place.write("hubgate.toml", RIGHT);
    place.write(
        "conf.d/a.toml",
        "[admin]\ntoken = \"inline:canary canary canary\"\n",
    );
    let said = place.load(&Environment::default()).unwrap_err().to_string();
    let said = place.without_directory(&said);
    assert_eq!(
        said,
        "DIR/conf.d/a.toml:2: admin.token: found `inline:…`, which only a file with \
         `insecure_inline_secrets = true` may have; expected `file:NAME` or `env:NAME`\n1 mistake"
    );
}

#[test]
fn a_secret_in_the_wrong_place_or_of_the_wrong_type_is_not_shown() {
    let place = Place::new();
    for (from, to) in [
        (SECRET, "secrets = \"inline:canary\""),
        (SECRET, "secrets = \"canary\""),
        (SECRET, "secrets = [[\"canary\"]]"),
        (SECRET, "secrets = { canary = \"canary\" }"),
        ("name = \"jira\"", "name = \"inline:canary\""),
        ("name = \"jira\"", "name = \"jira\"\nresign = [\"canary\"]"),
        (
            "name = \"jira\"",
            "name = \"jira\"\nconcurrency = \"canary\"",
        ),
        (
            "name = \"jira\"",
            "name = \"jira\"\norder = \"inline:canary\"",
        ),
        ("from = [\"office\"]", "from = \"inline:canary\""),
        (
            "url = \"https://jira.corp.example/hook\"",
            "url = \"https://user:canary@jira.corp.example:x/hook?token=canary\"",
        ),
        (
            "url = \"https://hooks.example.com/jira\"",
            "url = \"https://hooks.example.com/jira?token=canary\"",
        ),
    ] {
        let said = place.complaint(&with(from, to));
        assert!(!said.contains("canary"), "{to}: {said}");
        assert!(said.contains("mistake"), "{to}");
    }
}
