//! Its spool: one delivery at two targets, and an older one.

use super::{Fake, NOW, ago};
use crate::spool::{
    Attempt, Claim, Claimed, Condition, Depth, Detail, Header, Intake, Order, Page, Put, PutError,
    Query, Room, Settlement, Spool, SpoolError, Standing, State, Summary,
};
use crate::types::{DeliveryId, Name, Timestamp};
use async_trait::async_trait;

fn summary() -> Summary {
    let standing = |target: &str, state, next, status, error: Option<&str>| Standing {
        target: target.to_owned(),
        state,
        attempts: 1,
        next,
        status,
        error: error.map(ToOwned::to_owned),
    };
    Summary {
        id: 42,
        route: "hooks.example.com/jira".to_owned(),
        received: ago(60),
        guid: "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned(),
        hook: "7".to_owned(),
        event: "pull_request".to_owned(),
        action: Some("opened".to_owned()),
        repository: Some("acme/web".to_owned()),
        size: 24,
        earlier: None,
        targets: vec![
            standing("jira", State::Delivered, None, Some(204), None),
            standing(
                "jenkins",
                State::Pending,
                Some(NOW),
                Some(503),
                Some("answered 503\u{1b}[2J"),
            ),
        ],
    }
}

#[async_trait]
impl Spool for Fake {
    async fn put(&self, _: Intake) -> Result<Put, PutError> {
        Err(PutError::Busy)
    }

    async fn claim(&self, _: Claim) -> Result<Vec<Claimed>, SpoolError> {
        Ok(Vec::new())
    }

    async fn settle(&self, _: Settlement) -> Result<(), SpoolError> {
        Ok(())
    }

    async fn next_due(&self, _: &Name, _: Order) -> Result<Option<Timestamp>, SpoolError> {
        Ok(None)
    }

    async fn arrival(&self, _: &Name) {}

    async fn find(
        &self,
        query: Query,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.heard(format!("find {query:?} {before:?} {limit}"))?;
        let older = Summary {
            id: 41,
            event: "push".to_owned(),
            action: None,
            ..summary()
        };
        Ok(Page {
            deliveries: vec![summary(), older],
            next: Some(DeliveryId::new(41)),
        })
    }

    async fn show(&self, id: DeliveryId) -> Result<Option<Detail>, SpoolError> {
        self.heard(format!("show {id}"))?;
        if id.number() != 42 {
            return Ok(None);
        }
        let header = Header {
            name: "x-github-event".into(),
            value: b"pull_request".as_slice().into(),
        };
        Ok(Some(Detail {
            summary: summary(),
            client: "192.30.252.44".to_owned(),
            request: "0190163d8694739b88b2dd45ec4bb5a5".to_owned(),
            headers: vec![(
                header.name.to_string(),
                String::from_utf8_lossy(&header.value).into_owned(),
            )],
            body: self.scene().body,
            attempts: vec![Attempt {
                target: "jenkins".to_owned(),
                at: ago(30),
                took_ms: 12,
                status: Some(503),
                error: Some("answered 503".to_owned()),
            }],
        }))
    }

    async fn redeliver(&self, id: DeliveryId, target: Option<&str>) -> Result<u64, SpoolError> {
        self.heard(format!("redeliver {id} {target:?}"))?;
        Ok(match (id.number(), target) {
            (42, None) => 2,
            (42, Some("jira")) => 1,
            _ => 0,
        })
    }

    async fn redeliver_found(&self, query: Query) -> Result<u64, SpoolError> {
        self.heard(format!("redeliver_found {query:?}"))?;
        Ok(17)
    }

    async fn depths(&self) -> Result<Vec<(String, Depth)>, SpoolError> {
        self.heard("depths".to_owned())?;
        let failed = Some((ago(5), "connection refused".to_owned()));
        let depth = |pending, dead, last_error| Depth {
            pending,
            dead,
            oldest: (pending > 0).then(|| ago(3_700)),
            last_error,
        };
        Ok(vec![
            ("jenkins".to_owned(), depth(3, 1, failed)),
            ("forgotten".to_owned(), depth(2, 0, None)),
            ("empty".to_owned(), depth(0, 0, None)),
        ])
    }

    fn condition(&self) -> Condition {
        self.scene().condition
    }

    fn room(&self) -> Room {
        Room {
            used: 1_300_000_000,
            limit: 20 << 30,
            deliveries: 1234,
        }
    }

    async fn forget(&self, _: Timestamp) -> Result<u64, SpoolError> {
        Ok(0)
    }

    async fn close(&self) {}
}
