//! Names before a bracket.

use super::functions::{Written, mysql, postgresql};
use super::proof::Proof;
use super::{NotReadOnly, Place};
use crate::sql::Dialect;
use crate::sql::collect::unquoted;
use crate::sql::lexer::Kind;

impl Proof<'_> {
    /// Whether the name that is here may be called, if it is.
    pub(super) fn call(&self) -> Result<(), NotReadOnly> {
        let is_quoted = self.kind(self.at) == Some(Kind::QuotedName);
        let is_qualified = self.was(Kind::Dot);
        let name = || match is_quoted {
            true => unquoted(self.piece(self.at)).to_ascii_lowercase(),
            false => self.piece(self.at).to_ascii_lowercase(),
        };
        if self.dialect == Dialect::MariaDb && is_qualified && name() == "nextval" {
            return Err(NotReadOnly::Function);
        }
        if !self.is_open(self.at + 1) || self.declares() {
            return Ok(());
        }
        let name = name();
        if !self.is_mysql() {
            // A name in Unicode escapes would have to be read like the server does.
            let is_escaped = is_quoted && !self.piece(self.at).starts_with('"');
            return if is_escaped {
                Err(NotReadOnly::UnknownFunction)
            } else {
                postgresql(&name)
            };
        }
        let is_keyword = match name.as_str() {
            "any" | "some" => self.was(Kind::Operator),
            "columns" => self.was(Kind::String) || self.was(Kind::Question),
            "of" => self.was_word("member"),
            _ => false,
        };
        match name.as_str() {
            _ if is_keyword && !is_quoted => Ok(()),
            // With an argument it sets what it gives back from then on.
            "last_insert_id" if self.kind(self.at + 2) != Some(Kind::Close) => Err(NotReadOnly::Function),
            name => {
                let written = Written {
                    in_quotes: is_quoted,
                    adjacent: self.is_adjacent(),
                };
                mysql(name, self.dialect, written).and(match is_qualified {
                    true => Err(NotReadOnly::UnknownFunction),
                    false => Ok(()),
                })
            }
        }
    }

    /// Whether the brackets behind this name hold the names of columns and no arguments.
    fn declares(&self) -> bool {
        match self.frame.place {
            Place::With(_) => true,
            _ => self.is_behind_as() || (self.is_mysql() && self.was(Kind::Close)),
        }
    }
}
