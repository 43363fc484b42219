//! A stop: who is served is served to the end, and nobody is cut off in the middle of a word.

use super::*;

#[tokio::test]
async fn a_drain_waits_for_running_requests_and_ends_idle_connections() {
    let mut run = setup().run();
    let mut idle = run.tls("localhost").await.unwrap();
    ask(&mut idle, "/").await;
    let mut busy = run.tls("localhost").await.unwrap();
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    run.arrived.recv().await.unwrap();
    run.stop.send(true).unwrap();
    run.service.join_next().await.unwrap().unwrap();
    assert!(ends(&mut idle).await);
    assert!(TcpStream::connect(run.address).await.is_err());
    let connections = run.connections.clone();
    let mut drained = Box::pin(connections.drained());
    assert!(is_pending(&mut drained).await);
    run.go_on.notify_one();
    let answered = answer(&mut busy).await;
    assert_eq!(status(&answered), 200);
    assert!(
        answered
            .0
            .to_ascii_lowercase()
            .contains("connection: close")
    );
    drained.await;
    assert_eq!(run.connections.open(), 0);
}

#[tokio::test]
async fn a_request_that_meets_a_stop_is_answered() {
    let run = setup().run();
    let mut idle = run.tls("localhost").await.unwrap();
    ask(&mut idle, "/").await;
    let mut fresh = run.tls("localhost").await.unwrap();
    let half = run.tcp().await;
    while run.connections.open() < 3 {
        tokio::time::sleep(SHORT / 10).await;
    }
    run.stop.send(true).unwrap();
    // One was idle, one has its handshake behind it, one is in the middle of it.
    let mut half = run.tls_over(half, "localhost").await.unwrap();
    for stream in [&mut idle, &mut fresh, &mut half] {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let answered = answer(stream).await;
        assert_eq!(status(&answered), 200);
        let head = answered.0.to_ascii_lowercase();
        assert!(head.contains("connection: close"), "{head}");
        assert!(ends(stream).await);
    }
    run.connections.drained().await;
}
