//! All couriers: hired, told of changes, let go.

use super::Target;
use super::courier::{Courier, Office, Setup};
use super::dial::Resolve;
use super::sender::{BuildError, Sender};
use crate::spool::Spool;
use crate::telemetry::{Audit, Tasks};
use crate::types::{Clock, Entropy, Name};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The couriers of a gateway.
#[derive(Debug)]
pub struct Dispatch {
    office: Office,
    resolve: Arc<dyn Resolve>,
    tasks: Tasks,
    couriers: Mutex<HashMap<Name, Arc<Courier>>>,
}

/// The clients for a set of targets, built and not yet in use.
#[derive(Debug)]
pub struct Staff(Vec<(Target, Arc<Sender>)>);

impl Staff {
    /// The client of a target.
    #[must_use]
    pub fn sender(&self, name: &Name) -> Option<Arc<Sender>> {
        let found = self.0.iter().find(|(target, _)| target.name == *name);
        found.map(|(_, sender)| sender.clone())
    }
}

impl Dispatch {
    /// Nobody yet.
    #[must_use]
    pub fn new(
        spool: Arc<dyn Spool>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        audit: Audit,
        tasks: Tasks,
        resolve: Arc<dyn Resolve>,
    ) -> Self {
        Self {
            office: Office {
                spool,
                clock,
                entropy,
                audit,
            },
            resolve,
            tasks,
            couriers: Mutex::default(),
        }
    }

    /// Builds the clients for `targets`; nothing changes yet.
    ///
    /// # Errors
    /// Every one that cannot be built.
    pub fn prepare<'a>(
        &self,
        targets: impl Iterator<Item = &'a Target>,
    ) -> Result<Staff, Vec<BuildError>> {
        let (mut built, mut faults) = (Vec::new(), Vec::new());
        for target in targets {
            match Sender::new(target, self.resolve.clone()) {
                Ok(sender) => built.push((target.clone(), Arc::new(sender))),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(Staff(built))
        } else {
            Err(faults)
        }
    }

    /// Puts `staff` to work. A target that was there keeps its courier and its circuit; one that
    /// is gone has what is under way finished, and what waits for it stays in the spool.
    pub fn apply(&self, staff: &Staff) {
        let mut couriers = self.couriers.lock().unwrap_or_else(PoisonError::into_inner);
        couriers.retain(|name, courier| {
            let stays = staff.0.iter().any(|(target, _)| target.name == *name);
            if !stays {
                courier.stop.cancel();
            }
            stays
        });
        for (target, sender) in &staff.0 {
            let setup = Setup {
                target: target.clone(),
                carry: sender.clone(),
            };
            if let Some(courier) = couriers.get(&target.name) {
                courier.setup.store(Arc::new(setup));
                courier.changed.notify_one();
                continue;
            }
            let courier = Arc::new(Courier::new(setup));
            couriers.insert(target.name.clone(), courier.clone());
            let office = self.office.clone();
            self.tasks
                .supervise("courier", move || courier.clone().work(office.clone()));
        }
    }

    /// Whether deliveries go out to a target; `None` for one that is not here.
    #[must_use]
    pub fn is_up(&self, name: &Name) -> Option<bool> {
        let couriers = self.couriers.lock().unwrap_or_else(PoisonError::into_inner);
        couriers
            .get(name)
            .map(|courier| courier.circuit().is_closed())
    }

    /// Claims nothing more and waits until what is under way has ended, `patience` at most. What
    /// has not ended then is sent again after the next start.
    pub async fn drain(&self, patience: Duration) {
        let couriers: Vec<Arc<Courier>> = {
            let couriers = self.couriers.lock().unwrap_or_else(PoisonError::into_inner);
            couriers.values().cloned().collect()
        };
        for courier in &couriers {
            courier.stop.cancel();
        }
        let all = async {
            for courier in &couriers {
                courier.done.cancelled().await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(
                "deliveries were still under way; they are sent again at the next start"
            );
        }
    }
}
