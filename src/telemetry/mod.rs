//! What the gateway says of itself: logs, metrics, the audit trail, and the tasks that run in it.

pub mod audit;
pub mod log;
pub mod metric;
mod tasks;

pub use audit::Audit;
pub use log::Log;
pub use metric::Metrics;
pub use tasks::Tasks;
