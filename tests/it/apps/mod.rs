//! GitHub Apps whose keys are held at the gate, against the simulator of GitHub: made in a real
//! browser, stuck in each way and freed again, their deliveries recovered, GitHub away, their keys
//! in a hardware module.

mod away;
mod browser;
mod hardware;
mod making;
mod recovery;
mod states;

use crate::harness::{Gate, HOST, Site, eventually};
use crate::simulator::{Shape, Simulator};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than GitHub is left alone.
const ROUND: Duration = Duration::from_secs(301);

/// A gate, what delivers behind it, and a GitHub that both are to use.
struct Bench {
    site: Site,
    github: Simulator,
    gate: Option<Gate>,
    /// How many seconds ahead of the machine's time the gate and GitHub are.
    turned: i64,
    /// Where the gate listens for webhooks, each time it starts.
    door: SocketAddr,
}

impl Bench {
    /// With these sections besides; none without GitHub's description.
    async fn open(sections: &str) -> Option<Self> {
        let github = Simulator::start(Shape::Ghes).await?;
        let bench = Self {
            site: Site::new(),
            github,
            gate: None,
            turned: 0,
            door: crate::harness::vacant().await,
        };
        std::fs::create_dir_all(bench.site.path("conf.d")).unwrap();
        std::fs::write(bench.site.path("ca.pem"), bench.github.ca()).unwrap();
        let admin = crate::harness::vacant().await;
        let text = format!(
            "[admin]\naddress = \"{admin}\"\n[[listen]]\nname = \"hooks\"\naddress = \"{}\"\n",
            bench.door
        );
        std::fs::write(bench.site.path("conf.d/doors.toml"), text).unwrap();
        bench.configure(sections);
        Some(bench)
    }

    fn configure(&self, sections: &str) {
        let (web, ca) = (self.github.web(), self.site.path("ca.pem"));
        self.site.configure(&format!(
            "[[github]]\nname = \"ghes\"\nurl = \"{web}\"\nca = {ca:?}\n{sections}"
        ));
    }

    async fn start(&mut self) {
        self.gate = Some(self.site.start().await);
    }

    /// The same with a clock that can be turned; whether there is such a clock.
    async fn start_turned(&mut self) -> bool {
        let clock = self.site.path("clock");
        std::fs::write(&clock, format!("+{}", self.turned)).unwrap();
        self.gate = self.site.start_turned(&clock).await;
        self.gate.is_some()
    }

    /// So much time goes by, for the gate and for GitHub.
    fn turn(&mut self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).unwrap();
        self.turned += seconds;
        self.github.turn(seconds);
        // Written beside it, so that nobody reads half of it.
        let beside = self.site.path("clock.new");
        std::fs::write(&beside, format!("+{}", self.turned)).unwrap();
        std::fs::rename(beside, self.site.path("clock")).unwrap();
    }

    /// Lets time go by until there is an answer, a round of all that is done again and again at a
    /// time. What is under way while it is turned may find that it took too long.
    async fn as_time_goes<T>(&mut self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        let mut patience = Duration::from_secs(3);
        loop {
            self.turn(ROUND);
            let turned = Instant::now();
            while turned.elapsed() < patience {
                // Any request has the gate look at its clock, which turned while it slept.
                self.site.status();
                if let Some(answer) = look(self) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // On a machine that is busy a round takes longer.
            patience *= 2;
            let log = self.site.log();
            assert!(
                began.elapsed() < Duration::from_secs(240),
                "waited in vain: {log}"
            );
        }
    }

    /// What is entered at GitHub as the address of a hook, found by what delivers from now on.
    fn hook(&self) -> String {
        let delivers = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .resolve(HOST, self.door)
            .timeout(Duration::from_secs(10))
            .build();
        self.github.send_by(delivers.unwrap());
        format!("https://{HOST}:{}/hook", self.door.port())
    }

    /// As a power cut does.
    fn kill(&mut self) {
        self.gate.take().unwrap().kill();
    }

    /// As an operator does.
    async fn stop(&mut self) {
        let mut gate = self.gate.take().unwrap();
        gate.signal("-TERM");
        assert!(gate.ended().await.success());
    }

    fn app(&self, arguments: &[&str]) -> Output {
        let socket = self.site.path("admin.sock");
        let mut all = vec!["app"];
        all.extend(arguments);
        all.extend(["--socket", socket.to_str().unwrap()]);
        self.site.hubgate(&all)
    }

    /// A line of `/metrics` begins so; its value.
    fn measured(&self, line: &str) -> Option<f64> {
        let socket = self.site.path("admin.sock");
        let output = Command::new("curl")
            .args(["--silent", "--unix-socket"])
            .arg(socket)
            .arg("http://localhost/metrics")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let found = text.lines().find_map(|one| one.strip_prefix(line));
        found.map(|value| value.trim().parse().unwrap())
    }

    /// What a command says, which must end with this code.
    fn said(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.app(arguments);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    fn shown(&self) -> Value {
        let output = self.app(&["show", "sync", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)))
    }

    /// The App in the list of all, which asks nobody.
    fn listed(&self) -> Value {
        let output = self.app(&["list", "--json"]);
        let mut all: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        all[0].take()
    }

    /// Waits until GitHub, asked by whoever wants to see the App, is said to have it so.
    async fn until(&self, state: &str) -> Value {
        self.waiting(state, Self::shown).await
    }

    /// Waits until the gate has noticed, since it was told.
    async fn heard(&self, state: &str) -> Value {
        self.waiting(state, Self::listed).await
    }

    /// Waits until the gate has noticed by looking itself.
    async fn noticed(&mut self, state: &str) -> Value {
        let fits = |bench: &Self| Some(bench.listed()).filter(|found| found["state"] == state);
        self.as_time_goes(fits).await
    }

    async fn waiting(&self, state: &str, look: impl Fn(&Self) -> Value) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = look(self);
            if found["state"] == state {
                return found;
            }
            assert!(Instant::now() < deadline, "never {state}: {found:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Begins `hubgate app create`, which waits.
    fn create(&self, more: &[&str]) -> Waiting {
        let (socket, out) = (self.site.path("admin.sock"), self.site.path("create.out"));
        let file = std::fs::File::create(&out).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_hubgate"))
            .args(["app", "create", "--github", "ghes", "--name", "sync"])
            .args(["--title", "Jira Sync", "--org", "acme"])
            .args(["--permissions", "contents=read,issues=write"])
            .args(["--events", "push"])
            .args(more)
            .arg("--socket")
            .arg(socket)
            .stdout(Stdio::from(file.try_clone().unwrap()))
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap();
        Waiting { child, out }
    }
}

/// What a person does at GitHub, from the page that the command prints to the one that it ends on,
/// by hand: reads each form, and sends it.
async fn agree(bench: &Bench, page: &str) -> String {
    let client = bench.github.client();
    let read = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        let next = answer.headers().get("location").cloned();
        (next, answer.text().await.unwrap())
    };
    let (_, asked) = read(client.get(page)).await;
    let post = field(&asked, "action=\"", "\"");
    let manifest = field(&asked, "value=\"", "\">");
    let (_, asked) = read(client.post(&post).body(form(&[("manifest", &manifest)]))).await;
    let state = post.split_once("state=").unwrap().1;
    let title = field(&asked, "name=name value=\"", "\"");
    let made = [
        ("manifest", &*manifest),
        ("state", state),
        ("name", &*title),
    ];
    let at = post.split_once("/new?").unwrap().0.to_owned() + "/manifest";
    let (back, said) = read(client.post(at).body(form(&made))).await;
    let back = back.unwrap_or_else(|| panic!("{said}"));
    // Where the gateway breaks off, there is no page.
    match client.get(back.to_str().unwrap()).send().await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// As a browser sends it.
fn form(fields: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields).finish()
}

fn field(form: &str, from: &str, to: &str) -> String {
    let (_, rest) = form.split_once(from).unwrap_or_else(|| panic!("{form}"));
    let value = rest.split_once(to).unwrap().0;
    value.replace("&quot;", "\"").replace("&amp;", "&")
}

/// A command that waits for a person.
struct Waiting {
    child: Child,
    out: std::path::PathBuf,
}

impl Waiting {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap()
    }

    /// The page that it wants opened.
    async fn page(&mut self) -> String {
        eventually(|| {
            let said = self.said();
            if let Some(ended) = self.child.try_wait().unwrap() {
                panic!("it ended with {ended}: {said}");
            }
            let line = said.lines().find(|line| line.trim().starts_with("http"))?;
            said.contains("Waiting").then(|| line.trim().to_owned())
        })
        .await
    }

    /// Ctrl-C.
    async fn interrupt(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status();
        assert!(told.unwrap().success());
        eventually(|| self.child.try_wait().unwrap()).await;
    }

    /// What it says in all, and how it ended.
    async fn ended(mut self) -> (Option<i32>, String) {
        let ended = eventually(|| self.child.try_wait().unwrap()).await;
        (ended.code(), self.said())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text(output: &Output) -> String {
    let said = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

/// A route at `/hook` that leads to this tool, and takes these secrets.
fn route(secrets: &str, tool: SocketAddr) -> String {
    format!(
        "[[webhook]]\nurl = \"https://{HOST}/hook\"\nfrom = [\"here\"]\nsecrets = [{secrets}]\n\
         [[webhook.to]]\nname = \"tool\"\nurl = \"http://{tool}/in\"\n\
         attempts = {{ for = \"1h\", first = \"10ms\", most = \"50ms\" }}\n"
    )
}
