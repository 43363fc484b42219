//! The codes and statuses of what is answered before a request reaches the gate.

/// A head that is none, or that two readers could understand in two ways: as the gate calls it.
pub(super) const MALFORMED: (&str, u16) = ("request_malformed", 400);
/// A head that did not come in time.
pub(super) const TIMED_OUT: (&str, u16) = ("request_timeout", 408);
/// A head that is too large.
pub(super) const TOO_LARGE: (&str, u16) = ("header_too_large", 431);
/// A challenge where no authority looks.
pub(super) const UNKNOWN_CHALLENGE: (&str, u16) = ("unknown_challenge", 404);

/// Each of them.
pub const CODES: [(&str, u16); 4] = [MALFORMED, TIMED_OUT, TOO_LARGE, UNKNOWN_CHALLENGE];
