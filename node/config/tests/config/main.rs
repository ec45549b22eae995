//! The configuration from outside: files in, settings or faults out.

mod cluster;
#[cfg(test)]
mod common;
#[cfg(test)]
mod deciding;
#[cfg(test)]
mod docs;
mod faults;
mod hostile;
mod loading;
mod mysql;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference_block;
mod sqlquery;
#[cfg(test)]
mod verification;
