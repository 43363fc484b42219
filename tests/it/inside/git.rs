//! git's own HTTP backend, run as the CGI program that it is, streaming both ways.

use super::{Answer, Body, Ghes, whole, with};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::sync::mpsc;

/// Pieces of a body under way between a pipe and a connection.
const UNDER_WAY: usize = 8;
const PIECE: usize = 64 * 1024;

impl Ghes {
    /// A bare repository with this name, empty.
    pub fn repository(&self, name: &str) -> PathBuf {
        bare(self.0.repositories.join(format!("{name}.git")))
    }

    pub(super) async fn git(&self, request: Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        backend(&self.0.repositories, &path, request).await
    }
}

/// A bare repository at this place, empty.
pub fn bare(place: PathBuf) -> PathBuf {
    let at = place.to_str().unwrap();
    git(
        Path::new("/"),
        &["init", "-q", "--bare", "-b", "main", at],
        b"",
    );
    place
}

/// What git's backend answers to a request for a path among these repositories.
pub async fn backend(repositories: &Path, path: &str, request: Request<Body>) -> Answer {
    let (head, mut body) = request.into_parts();
    let header = |name: HeaderName| {
        let value = head.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let mut backend = Command::new("git");
    backend
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_PROJECT_ROOT", repositories)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "mona")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", path)
        .env("QUERY_STRING", head.uri.query().unwrap_or_default());
    for (variable, name) in [
        ("CONTENT_TYPE", CONTENT_TYPE),
        ("CONTENT_LENGTH", CONTENT_LENGTH),
        ("HTTP_CONTENT_ENCODING", CONTENT_ENCODING),
        ("GIT_PROTOCOL", HeaderName::from_static("git-protocol")),
    ] {
        if let Some(value) = header(name) {
            backend.env(variable, value);
        }
    }
    let mut child = backend
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let (sender, mut pieces) = mpsc::channel::<Bytes>(UNDER_WAY);
    std::thread::spawn(move || {
        while let Some(piece) = pieces.blocking_recv() {
            if input.write_all(&piece).is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if sender.send(piece).await.is_err() {
                break;
            }
        }
    });
    let (sender, mut pieces) = mpsc::channel::<io::Result<Bytes>>(UNDER_WAY);
    let (told, headers) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut output = BufReader::new(child.stdout.take().unwrap());
        drop(told.send(read_head(&mut output)));
        let mut buffer = vec![0; PIECE];
        loop {
            let piece = match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                Err(failed) => Err(failed),
            };
            if sender.blocking_send(piece).is_err() {
                break;
            }
        }
        drop(child.kill());
        drop(child.wait());
    });
    let Ok(headers) = headers.await else {
        return with(
            StatusCode::INTERNAL_SERVER_ERROR,
            &[],
            "git's backend failed",
        );
    };
    let mut answer = Response::builder();
    for (name, value) in headers {
        answer = if name.eq_ignore_ascii_case("status") {
            answer.status(value.split(' ').next().unwrap())
        } else {
            answer.header(name, value)
        };
    }
    let stream = futures_util::stream::poll_fn(move |context| pieces.poll_recv(context));
    let frames = futures_util::StreamExt::map(stream, |piece| piece.map(Frame::data));
    answer
        .body(StreamBody::new(frames).boxed())
        .unwrap_or_else(|_| Response::new(whole("")))
}

/// The headers before a CGI program's body.
fn read_head(output: &mut impl io::BufRead) -> Vec<(String, String)> {
    let lines = output.lines().map_while(Result::ok);
    let lines = lines.take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Runs git in a directory and gives what it says.
pub fn git(place: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "git {arguments:?}: {complaint}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// Adds commits to `main`, each with one file of its own, and gives the last one's id.
pub fn commits(place: &Path, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> String {
    let mut input = Vec::new();
    let first = git(place, &["for-each-ref", "refs/heads/main"], b"").is_empty();
    for (number, (name, text)) in files.into_iter().enumerate() {
        let who = format!(
            "Mona <mona@{}> {} +0000",
            "example.com",
            1_700_000_000 + number
        );
        let message = format!("Add {name}");
        input.extend(format!("commit refs/heads/main\ncommitter {who}\n").bytes());
        input.extend(format!("data {}\n{message}\n", message.len()).bytes());
        if number == 0 && !first {
            input.extend(b"from refs/heads/main^0\n");
        }
        input.extend(format!("M 100644 inline {name}\ndata {}\n", text.len()).bytes());
        input.extend(&text);
        input.push(b'\n');
    }
    git(place, &["fast-import", "--quiet"], &input);
    git(place, &["rev-parse", "main"], b"")
}
