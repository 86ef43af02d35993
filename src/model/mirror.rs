//! What we last saw of a customer on one side.

use crate::model::time::Timestamp;

/// The last look at one customer of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// When the remote held it, by the remote's own clock: the `Date` of the answer, or `created`
    /// of the event whose snapshot it is.
    pub observed_at: Timestamp,
    /// Whether the remote said it was deleted.
    pub deleted: bool,
    /// The object as the remote sent it, byte for byte; empty when it was never seen.
    pub payload: Vec<u8>,
}
