//! The records of which there is one each.

use serde::Serialize;

use crate::store::key::{self, Meta};
use crate::store::{Batch, StoreError, record};

/// Puts a record into a batch that always fits into one part.
pub(crate) fn put(batch: &mut Batch, meta: Meta, value: &impl Serialize) -> Result<(), StoreError> {
    replace(batch, meta, value, &mut 1)
}

/// Puts a record into a batch that may have been larger. `parts` is the number of parts that it has.
pub(crate) fn replace(
    batch: &mut Batch,
    meta: Meta,
    value: &impl Serialize,
    parts: &mut u16,
) -> Result<(), StoreError> {
    let key = key::meta_key(meta);
    let bytes = postcard::to_stdvec(value).map_err(|error| StoreError::Stopped(error.to_string()))?;
    let now = record::put(batch, &key, &bytes)?;
    record::delete_parts(batch, &key, now..*parts);
    *parts = now;
    Ok(())
}
