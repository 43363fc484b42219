//! Tests of keys in a process of their own.

use super::*;
use crate::apps::Keyring;
use crate::apps::fake::key;
use crate::github::fake::{NOW, Turned};
use crate::telemetry::Tasks;

struct Running {
    dir: tempfile::TempDir,
    tasks: Tasks,
}

impl Running {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixListener::bind(dir.path().join("s")).unwrap();
        let own: Keyring = [key(0)].into_iter().collect();
        let signer = Signer::new(vec![Arc::new(own)], Turned::new());
        let tasks = Tasks::new();
        let (own, stop) = (tasks.clone(), tasks.stopping());
        tasks.spawn("signer", async move {
            let stop = async move { stop.cancelled().await };
            signer.serve(socket, &own, stop).await.unwrap();
        });
        Self { dir, tasks }
    }

    fn apart(&self) -> Apart {
        Apart::new(self.dir.path().join("s"))
    }

    async fn raw(&self, text: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.dir.path().join("s"))
            .await
            .unwrap();
        stream.write_all(text).await.unwrap();
        let mut answer = String::new();
        // Whoever sends more than is read is cut off.
        stream.read_to_string(&mut answer).await.ok();
        answer
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW + seconds * 1000)
}

#[tokio::test]
async fn a_jwt_from_over_there_is_one_that_is_written_here() {
    let running = Running::start();
    let own = key(0).fingerprint();
    let jwt = running.apart().sign(own, AppId(12), at(0)).await.unwrap();
    let here: Keyring = [key(0)].into_iter().collect();
    let same = here.sign(own, AppId(12), at(0)).await.unwrap();
    assert_eq!(jwt.expose(), same.expose());
    let other = key(1).fingerprint();
    let refused = running.apart().sign(other, AppId(12), at(0)).await;
    assert_eq!(refused.unwrap_err(), SignError::Unknown(other));
    running.tasks.stop().await;
}

#[tokio::test]
async fn nothing_is_signed_for_a_time_far_from_its_own() {
    let running = Running::start();
    let own = key(0).fingerprint();
    for (seconds, signed) in [(-600, true), (600, true), (-601, false), (601, false)] {
        let jwt = running.apart().sign(own, AppId(12), at(seconds)).await;
        assert_eq!(jwt.is_ok(), signed, "{seconds}");
    }
    let never = Timestamp::from_millis(i64::MAX);
    assert!(running.apart().sign(own, AppId(12), never).await.is_err());
    running.tasks.stop().await;
}

#[tokio::test]
async fn nothing_else_can_be_asked_for() {
    let running = Running::start();
    let own = key(0).fingerprint();
    let claims = format!(r#"{{"app":12,"key":"{own}","now":{NOW},"claims":{{"exp":9}}}}"#);
    for odd in [&*claims, "{}", "x", r#"{"app":-1,"key":"","now":0}"#] {
        let answer = running.raw(format!("{odd}\n").as_bytes()).await;
        assert!(answer.starts_with(r#"{"refused":"#), "{odd}: {answer}");
    }
    assert_eq!(running.raw(&[b'x'; 2000]).await, "", "too long a line");
    running.tasks.stop().await;
}

#[tokio::test]
async fn a_signer_that_is_not_there_is_told_with_its_socket() {
    let apart = Apart::new("/nowhere/signer.sock".into());
    let said = apart.sign(key(0).fingerprint(), AppId(12), at(0)).await;
    assert!(
        said.unwrap_err()
            .to_string()
            .contains("`/nowhere/signer.sock`")
    );
}
