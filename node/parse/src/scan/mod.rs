//! Personal data and secrets in any text, found by their value: a shape that is cheap to see, then the rules
//! that such a value obeys (check digits, registered lengths, numbering plans, decoded headers, entropy).
//!
//! One pass without recursion over words and signs; each candidate looks at a bounded number of bytes around
//! it, so that the time is linear in the length of the text whatever it holds. What is found is told by
//! place, never by value.

mod address;
mod bytes;
mod card;
mod class;
mod context;
mod crypto;
mod custom;
mod email;
mod iban;
mod iban_registry;
mod identity;
mod number;
mod papers;
mod pass;
mod phone;
mod redact;
mod scanner;
mod secret;
mod word;

pub use class::{Class, Classes, UnknownClass};
pub use custom::Custom;
pub use redact::{Action, HashKey};
pub use scanner::{Found, ScanError, Scanner};
