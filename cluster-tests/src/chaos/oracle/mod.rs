//! Those who see all and whom no fault touches.

pub mod audit;
pub mod covers;
pub mod database;
pub mod owners;
pub mod sockets;
pub mod ticks;
