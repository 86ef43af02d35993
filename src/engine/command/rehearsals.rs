//! Rehearsals: begun and ended by a person, and as they are shown.

use super::status::sync_word;
use super::{CommandError, done, invalid, show_time};
use crate::engine::Engine;
use crate::engine::rehearsal::begun_at;
use crate::engine::view::{Done, Rehearsal};
use crate::store::StoreError;
use crate::sync::policy::Policy;

impl Engine {
    /// Begins a rehearsal, which is for the time before sync is switched on.
    pub(super) async fn order_rehearsal(
        &self,
        policy: &Policy,
        who: &str,
    ) -> Result<Done, CommandError> {
        if policy.direction.is_none() {
            return Err(invalid(&"with sync off nothing would change"));
        }
        let in_force = self.settings().policy.direction;
        if in_force.is_some() {
            return Err(CommandError::Refused {
                message: format!("customers.sync is {}", sync_word(in_force)),
                hint: "\"zenstripe plan\" shows what differs; nothing of it is written by itself"
                    .to_owned(),
            });
        }
        self.begin_rehearsal(policy, who).await?;
        Ok(done(
            "both sides are being compared; nothing is written to either",
            1,
        ))
    }

    pub(super) async fn drop_rehearsal(&self, who: &str) -> Result<Done, CommandError> {
        Ok(if self.end_rehearsal(who).await? {
            done("what the comparison found is dropped", 1)
        } else {
            done("nothing was being compared", 0)
        })
    }

    /// The rehearsal, where there is one.
    pub(super) fn rehearsal_view(&self) -> Result<Option<Rehearsal>, StoreError> {
        let Some(rehearsed) = self.rehearsal()? else {
            return Ok(None);
        };
        let fields = rehearsed.fields.keys();
        Ok(Some(Rehearsal {
            sync: sync_word(rehearsed.direction).to_owned(),
            fields: fields.map(ToString::to_string).collect(),
            begun_at: begun_at(&rehearsed).and_then(show_time),
        }))
    }
}
