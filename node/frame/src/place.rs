//! What of a point or record can be asked for or written, whatever column holds it.

/// A place of a point or record. Which column of a frame holds it is for the stream's projection to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place<'a> {
    /// An attribute, by its key as it goes out.
    Attribute(&'a str),
    /// The body of the record.
    Body,
    /// The severity of the record as text.
    SeverityText,
    /// The severity of the record as a number.
    SeverityNumber,
    /// The record's own instant.
    Timestamp,
}
