//! Other people's programs, run as they are installed, each in a home of its own, with the names
//! and the authority that its side knows.

use crate::inside::TOKEN;
use crate::world::{INTERNAL, PUBLIC, World};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// After this a client hangs.
const PATIENCE: Duration = Duration::from_secs(240);
const ENTER: &str = r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#;

/// Somebody with a machine on one side.
pub struct Client {
    /// The host that they take the server for.
    pub host: &'static str,
    /// Where it is there.
    below: &'static str,
    home: PathBuf,
    hosts: PathBuf,
    authority: PathBuf,
    token: String,
}

/// What a program said, and whether it went well.
#[derive(Debug)]
pub struct Said {
    pub well: bool,
    pub out: String,
    pub complaint: String,
}

impl Said {
    pub fn good(self) -> Self {
        assert!(self.well, "{}\n{}", self.out, self.complaint);
        self
    }
}

impl Client {
    /// One who knows the public names only.
    pub fn outside(world: &World) -> Self {
        Self::at(world, PUBLIC, "hosts-outside", "public-ca.pem")
    }

    /// One outside for whom no wire keeps what passes.
    pub fn at_the_gate(world: &World) -> Self {
        Self::at(world, PUBLIC, "hosts-at-the-gate", "public-ca.pem")
    }

    /// One inside, who needs no gate.
    pub fn inside(world: &World) -> Self {
        Self::at(world, INTERNAL, "hosts-inside", "corp-ca.pem")
    }

    fn at(world: &World, host: &'static str, hosts: &str, authority: &str) -> Self {
        let home = world.path(&format!("home-of-{host}"));
        std::fs::create_dir_all(&home).unwrap();
        Self {
            host,
            below: "",
            home,
            hosts: world.path(hosts),
            authority: world.path(authority),
            token: TOKEN.to_owned(),
        }
    }

    /// The same one with another token.
    pub fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// The same one with another machine.
    pub fn at_home(mut self, world: &World, home: &str) -> Self {
        self.home = world.path(home);
        std::fs::create_dir_all(&self.home).unwrap();
        self
    }

    /// The same one, for whom the server is below this path.
    pub fn below(mut self, path: &'static str) -> Self {
        self.below = path;
        self
    }

    /// The same one, for whom the server has this name.
    pub const fn on(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host)
    }

    /// A program's command line, to be run on this one's machine.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", ENTER, "outside"])
            .arg(&self.hosts)
            .arg(program.as_ref())
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .env("SSL_CERT_FILE", &self.authority)
            .env("GIT_SSL_CAINFO", &self.authority)
            .env("NODE_EXTRA_CA_CERTS", &self.authority)
            .env("REQUESTS_CA_BUNDLE", &self.authority)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("HOST", format!("{}{}", self.host, self.below))
            .env("TOKEN", &self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// git with a helper that knows the token.
    pub fn git(&self, arguments: &[&str]) -> Command {
        let helper = "!f() { echo username=x-access-token; echo password=$TOKEN; }; f";
        let mut command = self.command("git");
        command
            .args(["-c", &format!("credential.helper={helper}")])
            .args(["-c", "user.name=Mona", "-c", "user.email=mona@example.com"])
            .args([
                "-c",
                "init.defaultBranch=main",
                "-c",
                "advice.detachedHead=false",
            ])
            .args(arguments);
        command
    }
}

/// Runs a command to its end.
pub async fn run(mut command: Command) -> Said {
    let what = format!("{command:?}");
    // With all that it starts.
    let child = command.process_group(0).spawn().unwrap();
    let group = format!("-{}", child.id());
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let Ok(out) = tokio::time::timeout(PATIENCE, ended).await else {
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        panic!("hangs: {what}");
    };
    let out = out.unwrap();
    Said {
        well: out.status.success(),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        complaint: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}
