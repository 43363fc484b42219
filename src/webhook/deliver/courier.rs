//! One target's courier: claims what is due, sends it, settles how it went. Alone with its
//! target, so that a slow or dead one never delays another.

use super::answer::{self, Meaning};
use super::circuit::{Admission, Circuit};
use super::hands::Hands;
use super::round::{AFTER_FAULT, Complaints, Round};
use super::sender::{Answer, Carry, Parcel, SendError};
use super::{Target, schedule};
use crate::spool::{Claim, Claimed, Fate, Settlement, Spool};
use crate::telemetry::{Audit, audit};
use crate::types::{Clock, DeliveryId, Entropy, Name, Timestamp};
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The longest sleep without looking again, should a wake-up ever be missed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// While most slots are taken, a claim waits so long for more to come free, so that a busy target
/// costs few claims; no longer, so that slow deliveries leave the other slots to the rest.
const GATHER: Duration = Duration::from_millis(20);
/// Refused deliveries whose first refusal is remembered; others count from their first failure.
const MOST_REFUSED: usize = 10_000;

/// What a courier is told about its target; replaced whole on a reload.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) target: Target,
    pub(super) carry: Arc<dyn Carry>,
}

/// What all couriers share.
#[derive(Debug, Clone)]
pub(super) struct Office {
    pub(super) spool: Arc<dyn Spool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) audit: Audit,
}

/// One target's courier, as the dispatch holds it.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) name: Name,
    pub(super) setup: ArcSwap<Setup>,
    pub(super) changed: Notify,
    /// No more claims.
    pub(super) stop: CancellationToken,
    /// Nothing is under way any more.
    pub(super) done: CancellationToken,
    pub(super) circuit: Mutex<Circuit>,
    /// When each delivery that is being refused was first refused. Not the spool's first failure:
    /// a tool that comes back after a long outage and answers 404 at first has its hour too.
    refused: Mutex<HashMap<DeliveryId, Timestamp>>,
    pub(super) hands: Hands,
    pub(super) complaints: Complaints,
}

/// How one delivery went, for the circuit.
struct Went {
    up: Option<bool>,
    probe: bool,
}

impl Courier {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            name: setup.target.name.clone(),
            setup: ArcSwap::from_pointee(setup),
            changed: Notify::new(),
            stop: CancellationToken::new(),
            done: CancellationToken::new(),
            circuit: Mutex::default(),
            refused: Mutex::default(),
            hands: Hands::default(),
            complaints: Complaints::default(),
        }
    }

    pub(super) fn circuit(&self) -> Circuit {
        *self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, turned: impl FnOnce(Circuit) -> Circuit) {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let before = circuit.is_closed();
        *circuit = turned(*circuit);
        match (before, circuit.is_closed()) {
            (true, false) => tracing::warn!(
                target_name = %self.name,
                "the target is down: deliveries wait, one probe at a time goes out"
            ),
            (false, true) => tracing::info!(target_name = %self.name, "the target is up again"),
            _ => return,
        }
        let up = if circuit.is_closed() { 1.0 } else { 0.0 };
        metrics::gauge!("hubgate_target_up", "target" => self.name.to_string()).set(up);
    }

    /// Works until it is stopped and nothing is under way.
    pub(super) async fn work(self: Arc<Self>, office: Office) {
        let mut under_way: FuturesUnordered<BoxFuture<'static, Went>> = FuturesUnordered::new();
        // After a panic: a probe that was out then never comes back, nor does any other.
        self.turn(Circuit::up);
        self.give_back(&office);
        metrics::gauge!("hubgate_target_up", "target" => self.name.to_string()).set(1.0);
        let mut round = Round::default();
        loop {
            let until = if self.stop.is_cancelled() {
                if under_way.is_empty() {
                    self.settle_all(&office).await;
                    break;
                }
                office.clock.now().after(LOOK_AGAIN)
            } else {
                self.take_up(&office, &mut under_way, &mut round).await
            };
            let pause = until.since(office.clock.now()).min(LOOK_AGAIN);
            let full = under_way.len() >= self.setup.load().target.concurrency;
            tokio::select! {
                Some(went) = under_way.next() => self.learn(&office, &went),
                () = office.spool.arrival(&self.name), if !full => {}
                () = tokio::time::sleep(pause) => {}
                () = self.changed.notified() => {}
                () = self.stop.cancelled(), if !self.stop.is_cancelled() => {}
            }
        }
        self.done.cancel();
    }

    /// Claims what may go out now and sends it; says when to look again.
    async fn take_up(
        self: &Arc<Self>,
        office: &Office,
        under_way: &mut FuturesUnordered<BoxFuture<'static, Went>>,
        round: &mut Round,
    ) -> Timestamp {
        let now = office.clock.now();
        if let Some(until) = self.settle_before(office, round).await {
            return until;
        }
        let setup = self.setup.load_full();
        let later = now.after(LOOK_AGAIN);
        let free = setup.target.concurrency.saturating_sub(under_way.len());
        let (limit, probe) = match self.circuit().admits(now) {
            Admission::Free if free * 2 < setup.target.concurrency && free > 0 => {
                if round.gathering.get_or_insert_with(Instant::now).elapsed() < GATHER {
                    return now.after(GATHER);
                }
                (free, false)
            }
            Admission::Free => (free, false),
            Admission::Probe => (1, true),
            Admission::Wait(until) => return until,
            Admission::Busy => return later,
        };
        if limit == 0 {
            return later;
        }
        round.gathering = None;
        let claim = Claim {
            target: self.name.clone(),
            limit,
            now,
            order: setup.target.order,
        };
        let claimed = office.spool.claim(claim).await;
        let Ok(claimed) = self.hear(&self.complaints.claim, claimed) else {
            return now.after(AFTER_FAULT);
        };
        self.hands.take(&claimed);
        let exhausted = claimed.len() < limit;
        if probe && !claimed.is_empty() {
            self.turn(Circuit::probing);
        }
        for delivery in claimed {
            under_way.push(
                deliver(self.clone(), office.clone(), setup.clone(), delivery, probe).boxed(),
            );
        }
        if !exhausted {
            return later;
        }
        let due = office.spool.next_due(&self.name, setup.target.order).await;
        match self.hear(&self.complaints.look, due) {
            Ok(due) => due.unwrap_or(later),
            Err(_) => now.after(AFTER_FAULT),
        }
    }

    /// When the refusals of a delivery began: now, where this is the first.
    fn refused_since(&self, delivery: &Claimed, now: Timestamp) -> Timestamp {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MOST_REFUSED && !refused.contains_key(&delivery.id) {
            return delivery.failing_since.unwrap_or(now);
        }
        let since = refused.entry(delivery.id).or_insert(now);
        if delivery.failing_since.is_none() {
            // New, or sent again by a person: its time starts anew.
            *since = now;
        }
        *since
    }

    fn forget_refusal(&self, id: DeliveryId) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.remove(&id);
    }

    fn learn(&self, office: &Office, went: &Went) {
        let now = office.clock.now();
        match went.up {
            Some(true) => self.turn(Circuit::up),
            Some(false) => self.turn(|circuit| circuit.down(now, went.probe, &*office.entropy)),
            // What says neither must not leave a probe hanging.
            None if went.probe => self.turn(Circuit::up),
            None => {}
        }
    }
}

/// One attempt, to its settlement.
async fn deliver(
    courier: Arc<Courier>,
    office: Office,
    setup: Arc<Setup>,
    delivery: Claimed,
    probe: bool,
) -> Went {
    let parcel = Parcel {
        request: delivery.request,
        headers: delivery.headers.clone(),
        body: delivery.body.clone(),
    };
    let begun = Instant::now();
    let carried = AssertUnwindSafe(setup.carry.carry(&parcel, delivery.attempt)).catch_unwind();
    let sent = carried.await.unwrap_or_else(|_| {
        Err(SendError::Broken(
            "the sender failed; see the log".to_owned(),
        ))
    });
    let took = begun.elapsed();
    let judged = judge(&courier, &office, &setup.target, &delivery, probe, &sent);
    let settlement = Settlement {
        id: delivery.id,
        target: setup.target.name.clone(),
        at: office.clock.now(),
        took,
        status: sent.as_ref().ok().map(|answer| answer.status.as_u16()),
        error: judged.error,
        fate: judged.fate,
    };
    tell(
        &office,
        &delivery,
        &settlement,
        sent.as_ref().ok().and_then(|answer| answer.address),
    )
    .await;
    // What the spool does not take now is settled before anything else is claimed.
    courier.settle(&office, settlement).await;
    Went {
        up: judged.up,
        probe,
    }
}

struct Judged {
    fate: Fate,
    error: String,
    /// What it says of the target as a whole.
    up: Option<bool>,
}

fn judge(
    courier: &Courier,
    office: &Office,
    target: &Target,
    delivery: &Claimed,
    probe: bool,
    sent: &Result<Answer, SendError>,
) -> Judged {
    let now = office.clock.now();
    let (meaning, error) = match sent {
        Ok(answer) => {
            let moment = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
            let meaning = answer::meaning(answer.status, &answer.headers, moment);
            (meaning, format!("the target answered {}", answer.status))
        }
        Err(fault) => {
            let meaning = Meaning::Failed {
                at_least: Duration::ZERO,
                down: true,
            };
            (meaning, fault.to_string())
        }
    };
    let since = delivery.failing_since.unwrap_or(now);
    let refused = (meaning == Meaning::Refused).then(|| courier.refused_since(delivery, now));
    if refused.is_none() {
        courier.forget_refusal(delivery.id);
    }
    let (lasting, at_least, down) = match meaning {
        Meaning::Delivered => {
            return Judged {
                fate: Fate::Delivered,
                error: String::new(),
                up: Some(true),
            };
        }
        Meaning::Failed { at_least, down } => (target.attempts.lasting, at_least, down),
        Meaning::Refused => {
            // Neither the hour nor the target's own bound is passed.
            let hour = refused.unwrap_or(now).after(answer::BRIEFLY).since(since);
            (target.attempts.lasting.min(hour), Duration::ZERO, false)
        }
    };
    let next = schedule::next(
        target.attempts,
        lasting,
        delivery.attempt,
        since,
        now,
        at_least,
        &*office.entropy,
    );
    let fate = match next {
        None => {
            courier.forget_refusal(delivery.id);
            Fate::Dead
        }
        // A target that is down says nothing of this delivery: it is due again at once, and the
        // circuit says when the next probe goes out.
        Some(_) if probe && down => Fate::Retry {
            at: now,
            counts: false,
        },
        Some(at) => Fate::Retry { at, counts: true },
    };
    Judged {
        fate,
        error,
        up: Some(!down),
    }
}

async fn tell(
    office: &Office,
    delivery: &Claimed,
    settlement: &Settlement,
    address: Option<std::net::SocketAddr>,
) {
    let outcome = match settlement.fate {
        Fate::Delivered => "delivered",
        Fate::Retry { counts: true, .. } => "retry",
        Fate::Retry { counts: false, .. } => "probe_failed",
        Fate::Dead => "dead",
    };
    let target = settlement.target.to_string();
    metrics::counter!("hubgate_deliveries_total", "target" => target.clone(), "outcome" => outcome)
        .increment(1);
    metrics::histogram!("hubgate_delivery_seconds", "target" => target.clone())
        .record(settlement.took);
    if settlement.fate == Fate::Delivered {
        metrics::histogram!("hubgate_delivery_lag_seconds", "target" => target)
            .record(settlement.at.since(delivery.received));
    }
    if settlement.fate == Fate::Dead {
        tracing::error!(
            target_name = %settlement.target, delivery = %delivery.id, guid = %delivery.guid,
            "a delivery is parked: {}; send it again with `hubgate deliveries redeliver {}`",
            settlement.error, delivery.id
        );
    }
    let record = audit::Record::Delivery(audit::Delivery {
        time: settlement.at,
        delivery: Some(delivery.id),
        request_id: delivery.request,
        guid: delivery.guid.to_string(),
        route: delivery.route.to_string(),
        target: settlement.target.clone(),
        address,
        attempt: delivery.attempt,
        outcome,
        status: settlement.status,
        error: Some(settlement.error.clone()).filter(|error| !error.is_empty()),
        took_ms: u64::try_from(settlement.took.as_millis()).unwrap_or(u64::MAX),
    });
    office.audit.record(record).await;
}
