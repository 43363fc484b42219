//! Other people's servers, on ports of the world's own, ended with it.

use super::Ghes;
use crate::harness::eventually;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A program that is ended when it is dropped.
pub(super) struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What `tests/tools/clients` fetched.
pub fn fetched(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(".cache")
        .join(name);
    path.exists().then_some(path)
}

impl Ghes {
    /// Starts a program, and waits until it listens at its port.
    pub(super) async fn run(&self, mut command: Command, port: u16, log: &Path) {
        let file = std::fs::File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(file.try_clone().unwrap()))
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap();
        // Ended, too, where it is waited for in vain.
        let mut program = Program(child);
        eventually(|| {
            if let Some(ended) = program.0.try_wait().unwrap() {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                panic!("{command:?} ended with {ended}: {said}");
            }
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
        self.keep(program);
    }
}
