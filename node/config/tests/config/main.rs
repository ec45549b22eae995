//! The configuration from outside: files in, settings or faults out.

mod cluster;
#[cfg(test)]
mod common;
mod docs;
mod faults;
mod loading;
#[cfg(test)]
mod properties;
