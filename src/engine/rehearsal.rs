//! Rehearsals: both sides are scanned and compared under rules that are not in force, so that a
//! person sees their plan first. Nothing is written to either side.
//!
//! A rehearsal is there only while sync is off, and ends when it is switched on. Its scan finds
//! links and fills the mirrors as any scan does, and asks for looks; these keep what differs and
//! nothing else. Nothing else begins while it lasts: no scan comes by itself, and no event asks for
//! a look.
//!
//! # Invariant
//!
//! - The rules in force stay off, and those alone say what may be sent ([`crate::engine::delivery`]).

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::linking::Found;
use crate::engine::look::{Looked, pass_over};
use crate::engine::scan::step;
use crate::engine::settings::Settings;
use crate::model::id::StripeCustomerId;
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkState};
use crate::model::time::Timestamp;
use crate::model::work::Work;
use crate::store::{StoreError, WriteTx};
use crate::sync::activation::{Activations, Since};
use crate::sync::policy::Policy;
use crate::sync::rehearsal;
use std::sync::Arc;

/// Links whose differences are dropped in one transaction.
const LINKS_STEP: usize = 500;

impl Engine {
    /// What scans and looks compare by: the settings in force, or where sync is off with the rules
    /// that are rehearsed.
    pub(super) fn compared_by(&self) -> Result<Arc<Settings>, StoreError> {
        let settings = self.settings();
        Ok(self.rehearsed(&settings)?.map_or(settings, Arc::new))
    }

    /// These settings with the rules that are rehearsed, where sync is off by them.
    pub(super) fn rehearsed(&self, settings: &Settings) -> Result<Option<Settings>, StoreError> {
        if settings.policy.direction.is_some() {
            return Ok(None);
        }
        let rehearsed = self.store.read()?.rehearsal()?;
        Ok(rehearsed.map(|rehearsed| Settings {
            policy: rehearsal::policy(&rehearsed, &settings.policy),
            ..settings.clone()
        }))
    }

    /// Begins to rehearse `policy`, in the place of what was rehearsed before: a scan is asked for.
    pub(super) async fn begin_rehearsal(
        &self,
        policy: &Policy,
        who: &str,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        let since = Since {
            here: now,
            stripe: None,
        };
        let rehearsed = Activations::default().under(policy, since);
        let names: Vec<&str> = rehearsed
            .fields
            .keys()
            .map(|field| field.as_str())
            .collect();
        let mut entry =
            Entry::engine(now, "rehearsal begun", &"customers").with("fields", &names.join(", "));
        who.clone_into(&mut entry.who);
        self.writer
            .write("begin rehearsal", move |tx| {
                tx.set_rehearsal(Some(&rehearsed))?;
                step::want(tx)?;
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        self.wake.scan.notify_one();
        Ok(())
    }

    /// Ends the rehearsal and drops what it found to differ; whether there was one.
    pub(super) async fn end_rehearsal(&self, who: &str) -> Result<bool, EngineError> {
        let mut entry = Entry::engine(self.clock.now(), "rehearsal ended", &"customers");
        who.clone_into(&mut entry.who);
        let was_there = self
            .writer
            .write("end rehearsal", move |tx| {
                if tx.rehearsal()?.is_none() {
                    return Ok(false);
                }
                tx.set_rehearsal(None)?;
                tx.append_journal(&entry)?;
                Ok(true)
            })
            .await?;
        while was_there && self.drop_differences().await? {}
        Ok(was_there)
    }

    /// Drops the differences of some links, while sync is off; whether there were any.
    async fn drop_differences(&self) -> Result<bool, EngineError> {
        let dropped = self
            .writer
            .write("drop rehearsed differences", |tx| {
                // Rules may have come into force meanwhile, whose differences these are.
                if tx.compared()?.direction.is_some() {
                    return Ok(false);
                }
                let links = tx.differences_list(None, LINKS_STEP)?;
                for (id, _) in &links {
                    tx.put_differences(id, &[])?;
                }
                Ok(!links.is_empty())
            })
            .await?;
        Ok(dropped)
    }

    /// Looks at a customer under rules that are rehearsed: what differs is kept.
    pub(super) async fn rehearse(
        &self,
        work: &Work,
        id: &StripeCustomerId,
        policy: &Policy,
    ) -> Result<Looked, EngineError> {
        let link = match self.store.read()?.link(id)? {
            Some(link) => link,
            None => match self.find_link(work, id, &[]).await? {
                Found::Linked(link) => link,
                Found::Parked => return Ok(Looked::Parked),
                Found::Creation(due_at) => return self.wait_for_creation(work, due_at).await,
            },
        };
        if link.state != LinkState::Active {
            return self.pass_over(work).await;
        }
        let (stripe, zenskar) = self.see_both(&link, work, &[]).await?;
        let sides = (&stripe.presence, &zenskar.presence);
        let now = self.clock.now();
        let differences = rehearsal::differences(&link, sides, policy, now);
        let (work, fields) = (work.clone(), policy.fields.clone());
        let kept = self
            .writer
            .write("keep what differs in rehearsal", move |tx| {
                let rehearsed = tx.compared()?;
                let unmoved = tx.activations()?.direction.is_none()
                    && rehearsed.fields.keys().eq(&fields)
                    && is_as(tx, &link)?;
                if unmoved {
                    tx.put_differences(&link.stripe, &differences)?;
                    pass_over(tx, &work)?;
                }
                Ok(unmoved)
            })
            .await?;
        Ok(if kept { Looked::Applied } else { Looked::Again })
    }

    /// What is rehearsed, while sync is off.
    pub(super) fn rehearsal(&self) -> Result<Option<Activations>, StoreError> {
        if self.settings().policy.direction.is_some() {
            return Ok(None);
        }
        self.store.read()?.rehearsal()
    }
}

/// When the rehearsal began.
pub(super) fn begun_at(rehearsed: &Activations) -> Option<Timestamp> {
    rehearsed.fields.values().map(|since| since.here).max()
}

/// Whether the link is as it was.
fn is_as(tx: &WriteTx<'_>, link: &Link) -> Result<bool, StoreError> {
    let now = tx.link(&link.stripe)?;
    Ok(now.is_some_and(|now| now.version == link.version && now.zenskar == link.zenskar))
}
