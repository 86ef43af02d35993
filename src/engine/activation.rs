//! Taking note of what becomes active, before anything is done under new rules.
//!
//! The pure part, what a field's becoming active does to what was agreed and decided before, is in
//! [`crate::sync::activation`].

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::journal::Entry;
use crate::store::{StoreError, WriteTx};
use crate::sync::activation::Since;
use crate::sync::policy::Policy;

impl Engine {
    /// Takes note that `policy` comes into force; to be called before it does, at the start and
    /// whenever settings are swapped. Fields that were not active before begin anew.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn activate(&self, policy: &Policy) -> Result<(), EngineError> {
        let now = Since {
            here: self.clock.now(),
            stripe: self.stripe.remote_now(),
        };
        let known = self.store.read()?.activations()?;
        if known.under(policy, now) == known {
            return Ok(());
        }
        let policy = policy.clone();
        let wants_scan = self
            .writer
            .write("activate fields", move |tx| activate(tx, &policy, now))
            .await?;
        if wants_scan {
            self.wake.scan.notify_one();
        }
        Ok(())
    }
}

/// Whether linked customers have to be looked at, which a scan does.
fn activate(tx: &mut WriteTx<'_>, policy: &Policy, now: Since) -> Result<bool, StoreError> {
    let before = tx.activations()?;
    let after = before.under(policy, now);
    tx.set_activations(&after)?;
    let new = after.new_since(&before);
    if new.is_empty() || tx.link_count()? == 0 {
        return Ok(false);
    }
    let mut cursor = tx.scan_cursor()?;
    cursor.wanted = true;
    tx.set_scan_cursor(&cursor)?;
    let names: Vec<&str> = new.into_iter().map(|field| field.as_str()).collect();
    let entry =
        Entry::engine(now.here, "fields active", &"customers").with("fields", &names.join(", "));
    tx.append_journal(&entry)?;
    Ok(true)
}
