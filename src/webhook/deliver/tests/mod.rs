//! Tests of delivery: the rules by table and property, couriers with turned time, the sender
//! over real sockets.

mod bench;
mod couriers;
mod moody;
mod rules;
mod sockets;
