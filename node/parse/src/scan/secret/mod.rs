//! Secrets: by the forms that their issuers gave them, and by the words beside them.

mod known;
mod named;
mod pem;
mod random;
mod token;
mod url;
mod value;

pub(super) use known::known;
pub(super) use named::keyword;
pub(super) use pem::pem;
pub(super) use token::jwt;
pub(super) use url::url;
