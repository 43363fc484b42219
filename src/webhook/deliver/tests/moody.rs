//! A real spool that takes settlements only when the test lets it.

use crate::spool::{
    Claim, Claimed, Condition, Depth, Detail, Intake, Order, Outlook, Page, Put, PutError, Query,
    Room, Settlement, Spool, SpoolError, sqlite,
};
use crate::types::{DeliveryId, Name, Timestamp};
use async_trait::async_trait;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(in crate::webhook::deliver) struct Moody {
    real: sqlite::Engine,
    refusing: Mutex<Option<Outlook>>,
    asked: AtomicUsize,
}

impl Moody {
    pub(super) fn new(real: sqlite::Engine) -> Self {
        Self {
            real,
            refusing: Mutex::default(),
            asked: AtomicUsize::new(0),
        }
    }

    /// Refuses settlements from now on, or takes them again.
    pub(super) fn refuse(&self, outlook: Option<Outlook>) {
        *self.refusing.lock().unwrap() = outlook;
    }

    /// How many settlements it was asked to take.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Spool for Moody {
    async fn put(&self, intake: Intake) -> Result<Put, PutError> {
        self.real.put(intake).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, SpoolError> {
        self.real.claim(claim).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), SpoolError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let refusing = *self.refusing.lock().unwrap();
        match refusing {
            None => self.real.settle(settlement).await,
            Some(outlook) => Err(SpoolError {
                tried: "settle a delivery",
                why: "on purpose".into(),
                outlook,
            }),
        }
    }

    async fn next_due(&self, target: &Name, order: Order) -> Result<Option<Timestamp>, SpoolError> {
        self.real.next_due(target, order).await
    }

    async fn arrival(&self, target: &Name) {
        self.real.arrival(target).await;
    }

    async fn find(
        &self,
        query: Query,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.real.find(query, before, limit).await
    }

    async fn show(&self, id: DeliveryId) -> Result<Option<Detail>, SpoolError> {
        self.real.show(id).await
    }

    async fn redeliver(&self, id: DeliveryId, target: Option<&str>) -> Result<u64, SpoolError> {
        self.real.redeliver(id, target).await
    }

    async fn redeliver_found(&self, query: Query) -> Result<u64, SpoolError> {
        self.real.redeliver_found(query).await
    }

    async fn depths(&self) -> Result<Vec<(String, Depth)>, SpoolError> {
        self.real.depths().await
    }

    fn condition(&self) -> Condition {
        self.real.condition()
    }

    fn room(&self) -> Room {
        self.real.room()
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, SpoolError> {
        self.real.forget(before).await
    }

    async fn close(&self) {
        self.real.close().await;
    }
}
