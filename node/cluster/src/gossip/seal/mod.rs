//! Sealing: every datagram that leaves the host is encrypted, authenticated, made for one process and
//! believed once.
//!
//! A sealed datagram is a version byte, a random nonce and XChaCha20-Poly1305 of the rest, with version and
//! cluster name as associated data. Inside stand the sender's session, the receiver's, a kind, a number and a
//! body. A session is 128 random bits that a process draws at its start. Data is believed when it names our
//! session and its number is new for the sender's. Who knows our session? Only those who have met us: a
//! *hello* carries a challenge, an *ack* answers it, and so proves that its sender holds a key at this very
//! moment. So a recorded datagram passes nowhere: not here (its number), not at another or a restarted node
//! (its session), and no clock is needed. An answer is never longer than what it answers.
//!
//! [`cipher`] seals and opens, [`window`] knows the numbers seen, [`talk`] holds the conversation without
//! touching a socket, [`transport`] does the rest: chitchat keeps its codec to itself, so its datagrams go
//! through sockets on loopback.

mod challenge;
mod cipher;
mod inlets;
mod letter;
mod limit;
mod talk;
mod transport;
mod window;

pub(super) use cipher::Cipher;
pub(super) use transport::SealedTransport;

/// The format of what is sealed.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// Where the sealed part begins.
const START: usize = 1 + NONCE;
/// No UDP datagram carries more, in bytes.
const LONGEST: usize = 65_507;
