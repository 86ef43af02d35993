//! Customers made on the side that lacks them: how many, and since when.

use super::{CommandError, show_time};
use crate::engine::Engine;
use crate::engine::creation::rows;
use crate::engine::view::CreationsStatus;
use crate::model::link::Side;
use crate::store::ReadTx;

impl Engine {
    pub(super) fn creations_status(
        &self,
        read: &ReadTx<'_>,
    ) -> Result<CreationsStatus, CommandError> {
        let creates = self.settings().creates;
        let switched = read.switched()?;
        let mut status = CreationsStatus {
            offered: rows::offered_count(read, creates)?,
            ..CreationsStatus::default()
        };
        for side in [Side::Stripe, Side::Zenskar] {
            let counts = read.creation_counts(side)?;
            status.open = status.open.saturating_add(counts.open);
            status.dead = status.dead.saturating_add(counts.dead);
            if let Some(since) = switched.on(side).filter(|_| creates.allows(side)) {
                let since = since.source.and_then(show_time);
                status.since.insert(side.to_string(), since);
            }
        }
        Ok(status)
    }
}
