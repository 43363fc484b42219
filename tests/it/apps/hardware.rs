//! Keys that never leave a hardware module: `SoftHSM`, in this process's own directory; and as a
//! module on the network, behind p11-kit's server, which can go away.

use super::Bench;
use crate::harness::{private, skipped};
use crate::simulator::AppKey;
use serde_json::Value;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PIN: &str = "87654321";
const KEY: &str = "pkcs11:token=hubgate;object=sync";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A module with one token, and one key in it that was made there.
struct Module {
    place: PathBuf,
    public: Vec<u8>,
}

fn run(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

impl Module {
    fn make(place: &Path) -> Option<Self> {
        let all = ["softhsm2-util", "pkcs11-tool", "p11-kit"];
        let there = |tool: &&str| Command::new(tool).arg("--help").output().is_ok();
        if !all.iter().all(there) {
            skipped("softhsm2, opensc or p11-kit is not installed");
            return None;
        }
        let place = place.to_owned();
        std::fs::create_dir_all(place.join("tokens")).unwrap();
        let tokens = place.join("tokens");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\n",
            tokens.display()
        );
        std::fs::write(place.join("softhsm2.conf"), text).unwrap();
        let mut module = Self {
            place,
            public: Vec::new(),
        };
        let mut made = module.command("softhsm2-util");
        made.args([
            "--init-token",
            "--free",
            "--label",
            "hubgate",
            "--so-pin",
            "12345678",
        ]);
        made.args(["--pin", PIN]);
        run(made);
        let tool = || {
            let mut tool = module.command("pkcs11-tool");
            tool.args([
                "--module",
                SOFTHSM,
                "--token-label",
                "hubgate",
                "--id",
                "01",
            ]);
            tool
        };
        let mut made = tool();
        made.args([
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            "rsa:2048",
        ]);
        made.args(["--label", "sync"]);
        let said = run(made);
        assert!(String::from_utf8_lossy(&said.stdout).contains("never extractable, local"));
        let mut read = tool();
        read.args(["--read-object", "--type", "pubkey", "--output-file"]);
        read.arg(module.place.join("public.der"));
        run(read);
        module.public = std::fs::read(module.place.join("public.der")).unwrap();
        module.pin(PIN);
        Some(module)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.place.join("softhsm2.conf"));
        // What reaches it from afar.
        let socket = self.place.join("far.sock");
        let address = format!("unix:path={}", socket.display());
        command.env("P11_KIT_SERVER_ADDRESS", address);
        command
    }

    fn pin(&self, pin: &str) {
        std::fs::write(self.place.join("pin"), pin).unwrap();
        private(&self.place.join("pin"));
    }

    fn signer(&self, module: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_hubgate"));
        command.args(["signer", "--module", module, "--socket"]);
        command.arg(self.place.join("signer.sock")).args(arguments);
        command
    }

    /// One that goes on, with a log.
    fn started(&self, module: &str) -> Running {
        let pin = self.place.join("pin");
        let log = std::fs::File::create(self.place.join("log")).unwrap();
        let mut command = self.signer(module, &["--pin", pin.to_str().unwrap(), KEY]);
        Running(command.stderr(Stdio::from(log)).spawn().unwrap())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.join("log")).unwrap()
    }

    /// Serves the module to those who reach it from afar.
    fn served(&self) -> Running {
        let mut server = self.command("p11-kit");
        server.args(["server", "--foreground", "--provider", SOFTHSM, "--name"]);
        server.arg(self.place.join("far.sock"));
        // One process for each who comes; all of them go together.
        server.arg("pkcs11:token=hubgate").process_group(0);
        server.stdout(Stdio::null()).stderr(Stdio::null());
        Running(server.spawn().unwrap())
    }
}

struct Running(Child);

impl Running {
    fn end_all(&mut self) {
        let group = format!("-{}", self.0.id());
        let ended = Command::new("kill").args(["-KILL", "--", &group]).status();
        assert!(ended.unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A gate that names the key by its fingerprint, and a GitHub that has its public half.
async fn bench() -> Option<(Bench, Module, u64)> {
    let mut bench = Bench::open("").await?;
    let module = Module::make(&bench.site.path("hsm"))?;
    bench.github.repository("acme/web");
    let key = AppKey::held_elsewhere(module.public.clone());
    let app = bench
        .github
        .app("sync", "acme", &key, &[("contents", "read")]);
    bench.github.install_on(app, "acme", &["web"]);
    bench.configure(&format!(
        "[[app]]\nname = \"sync\"\ngithub = \"ghes\"\nid = {app}\nkeys = [\"SHA256:{}\"]\n",
        key.fingerprint()
    ));
    let signer = format!(
        "[gateway]\nsigner = {:?}\n",
        module.place.join("signer.sock")
    );
    std::fs::write(bench.site.path("conf.d/signer.toml"), signer).unwrap();
    bench.start().await;
    Some((bench, module, app))
}

/// Waits until the gate says this of the App.
async fn said(bench: &Bench, part: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let found = bench.shown();
        let text = found["advice"].as_str().unwrap_or_default();
        if text.contains(part) {
            return found;
        }
        assert!(Instant::now() < deadline, "never `{part}`: {found:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_minted_by_a_key_that_never_left_its_module() {
    let Some((bench, module, _)) = bench().await else {
        return;
    };
    let signer = module.started(SOFTHSM);
    bench.until("installed").await;
    // The repositories are asked for with a token.
    let found = bench.shown();
    assert_eq!(found["installations"][0]["repositories"][0], "acme/web");
    assert!(!bench.github.tokens().is_empty());
    let arguments = std::fs::read(format!("/proc/{}/cmdline", signer.0.id())).unwrap();
    let said = module.log() + &bench.site.log() + &String::from_utf8_lossy(&arguments);
    assert!(
        said.contains("\"place\":\"pkcs11:token=hubgate;object=sync\""),
        "{said}"
    );
    assert!(!said.contains(PIN), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_module_is_said_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let Some(module) = Module::make(place.path()) else {
        return;
    };
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (pin, bad, open) = (path("pin"), path("bad"), path("open"));
    std::fs::write(&bad, "1234").unwrap();
    private(Path::new(&bad));
    std::fs::write(&open, PIN).unwrap();
    let with = format!("{KEY}?pin-value={PIN}");
    for (library, arguments, why) in [
        (
            SOFTHSM,
            vec!["--pin", &bad, KEY],
            "the token `hubgate` does not take the PIN: C_Login answers PinIncorrect",
        ),
        (
            SOFTHSM,
            vec!["--pin", &open, KEY],
            "which lets others read it",
        ),
        (SOFTHSM, vec![KEY], "without a PIN: name the PIN's file"),
        (
            SOFTHSM,
            vec!["--pin", &pin, "pkcs11:token=hubgate;object=other"],
            "there is no such RSA private key",
        ),
        (
            SOFTHSM,
            vec!["--pin", &pin, "pkcs11:token=other;object=sync"],
            "no token fits; the module has `hubgate`",
        ),
        (
            SOFTHSM,
            vec!["--pin", &pin, &with],
            "whoever lists processes can read",
        ),
        (
            "/nowhere.so",
            vec!["--pin", &pin, KEY],
            "`/nowhere.so` cannot be loaded as a PKCS#11 module",
        ),
    ] {
        let output = module.signer(library, &arguments).output().unwrap();
        let said = super::text(&output);
        // What a hardware module refuses is not to be tried again and again by a supervisor.
        let hardware = said.contains("C_Login");
        let expected = if hardware { vec![78] } else { vec![1, 78] };
        let code = output.status.code().unwrap();
        assert!(expected.contains(&code), "{code}: {said}");
        assert!(said.contains(why) && !said.contains(PIN), "{said}");
    }
    let mut bare = module.command(env!("CARGO_BIN_EXE_hubgate"));
    let said = super::text(&bare.args(["signer", KEY]).output().unwrap());
    assert!(
        said.contains("names no module: say `--module FILE`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_goes_away_is_begun_anew_and_a_wrong_pin_is_tried_once() {
    let Some((bench, module, app)) = bench().await else {
        return;
    };
    let mut places = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let far = places.find_map(|place| {
        let client = place.path().join("pkcs11/p11-kit-client.so");
        client.exists().then_some(client)
    });
    let Some(far) = far else {
        return skipped("p11-kit-modules is not installed");
    };
    let mut server = module.served();
    crate::harness::eventually(|| module.place.join("far.sock").exists().then_some(())).await;
    let mut signer = module.started(far.to_str().unwrap());
    bench.until("installed").await;
    // What is not installed is asked for anew each time.
    let installation = bench.github.installations(app)[0];
    bench.github.uninstall(installation);
    let mut bench = bench;
    bench.stop().await;
    bench.start().await;
    bench.until("created").await;
    server.end_all();
    said(&bench, "the module has no token").await;
    let mut server = module.served();
    bench.until("created").await;
    assert!(
        module
            .log()
            .contains("the module is begun anew, since it failed"),
        "{}",
        module.log()
    );
    // Somebody changed the PIN, and the file has the old one.
    server.end_all();
    module.pin("1234");
    let _server = module.served();
    said(&bench, "refused this PIN before, and it is not tried again").await;
    assert_eq!(
        module.log().matches("does not take the PIN").count(),
        1,
        "{}",
        module.log()
    );
    module.pin(PIN);
    bench.until("created").await;
    let id = signer.0.id().to_string();
    let ended = Command::new("kill").args(["-TERM", &id]).status();
    assert!(ended.unwrap().success());
    assert!(signer.0.wait().unwrap().success());
}
