//! The one registry, and every metric's name, help and unit.
