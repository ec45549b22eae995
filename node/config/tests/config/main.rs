//! The configuration from outside: files in, settings or faults out.

#[cfg(test)]
mod cluster;
mod common;
mod docs;
mod faults;
mod loading;
#[cfg(test)]
mod properties;
