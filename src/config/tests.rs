//! Tests of the configuration: a directory to read it from, and the rules by group.

mod apps;
mod bytes;
mod callers;
mod layers;
mod mistakes;
mod publish;
mod restart;
mod rules;
mod secrets;
mod shipped;

use super::environment::Environment;
use super::{Config, Mistakes};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A configuration in which everything is right and nothing is a warning.
const RIGHT: &str = r#"
insecure_inline_secrets = true
[[listen]]
name = "public"
address = "127.0.0.1:8443"
[[certificate]]
hosts = ["hooks.example.com"]
self_signed = true
[[source]]
name = "office"
networks = ["192.0.2.0/24"]
[[webhook]]
url = "https://hooks.example.com/jira"
from = ["office"]
secrets = ["inline:a secret of some length"]
[[webhook.to]]
name = "jira"
url = "https://jira.corp.example/hook"
"#;

/// A directory with a configuration and what it names.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only its owner can read.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes a certificate for `hosts` and its key.
    fn write_certificate(&self, chain: &str, key: &str, hosts: &[&str]) {
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        self.write(chain, made.cert.pem());
        self.write(key, made.signing_key.serialize_pem());
    }

    fn read(&self, text: &str) -> Result<Config, Mistakes> {
        Config::from_text(text, self.directory.path())
    }

    /// What is said of a text, with this directory's name taken out.
    fn complaint(&self, text: &str) -> String {
        let said = match self.read(text) {
            Ok(config) => config.warnings.join("\n"),
            Err(mistakes) => mistakes.to_string(),
        };
        self.without_directory(&said)
    }

    fn without_directory(&self, text: &str) -> String {
        text.replace(self.directory.path().to_str().unwrap(), "DIR")
    }

    fn load(&self, environment: &Environment) -> Result<Config, Mistakes> {
        Config::load_with(&self.path("hubgate.toml"), environment, None)
    }
}

/// `RIGHT` with one thing changed.
fn with(from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from), "{from}");
    RIGHT.replacen(from, to, 1)
}

/// Every row's change to `RIGHT` is answered with one mistake, which says so.
fn each_is_a_mistake(rows: &[(&str, &str, &str)]) {
    let place = Place::new();
    for (from, to, expected) in rows {
        let text = with(from, to);
        let Err(mistakes) = place.read(&text) else {
            panic!("is taken for right: {to}");
        };
        let all: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
            .collect();
        let said = place.without_directory(&all.join("\n"));
        assert_eq!(said, *expected, "{to}");
    }
}

/// Every row's change to `RIGHT` is right, with a warning that says so, or none where that is
/// empty.
fn each_is_right(rows: &[(&str, &str, &str)]) {
    let place = Place::new();
    for (from, to, expected) in rows {
        let text = with(from, to);
        let config = place
            .read(&text)
            .unwrap_or_else(|mistakes| panic!("{to}: {mistakes}"));
        assert_eq!(config.warnings.join("\n"), *expected, "{to}");
    }
}

fn config(text: &str) -> Config {
    Config::from_text(text, Path::new("/nowhere")).unwrap()
}
