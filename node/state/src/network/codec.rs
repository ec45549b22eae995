//! The form of payloads: postcard for what openraft says, protobuf for what we say.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CallError;

/// Encodes a message of openraft.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Bytes, CallError> {
    let bytes = postcard::to_stdvec(message);
    bytes
        .map(Into::into)
        .map_err(|error| CallError::Refused(format!("a message cannot be encoded: {error}")))
}

/// Reads a message of openraft. It may hold anything; what is too much or too little is refused.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CallError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(CallError::Refused(
            "the message is longer than it should be".into(),
        )),
        Err(error) => Err(CallError::Refused(format!("the message is malformed: {error}"))),
    }
}

/// Encodes one of our messages.
pub(crate) fn encode_message<M: prost::Message>(message: &M) -> Bytes {
    message.encode_to_vec().into()
}

/// Reads one of our messages.
pub(crate) fn decode_message<M: prost::Message + Default>(bytes: Bytes) -> Result<M, CallError> {
    M::decode(bytes).map_err(|error| CallError::Refused(format!("the message is malformed: {error}")))
}
