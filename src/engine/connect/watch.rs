//! Keeping watch over the connection: what is in doubt is asked, what is not wanted is taken back.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::look::reason;
use crate::model::connection::{Connection, Ended, Grant, Way};
use crate::model::id::AccountId;
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::store::{ReadTx, StoreError};
use crate::stripe::client::Acting;
use crate::sync::connect as decide;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a connection that ended is asked for, and a grant tried to be taken back.
const AGAIN: Duration = Duration::from_secs(60);

/// How often the loop looks whether there is anything to do.
const PERIOD: Duration = Duration::from_secs(5);

/// What was tried last, so that Stripe is not asked all the time.
#[derive(Debug, Default)]
pub(super) struct Pace {
    asked_at: Option<Timestamp>,
    taken_back_at: Option<Timestamp>,
    /// Since when the key was refused as it was last asked about.
    parked: Option<Timestamp>,
    /// When Stripe did not say whether a connection holds.
    unanswered_at: Option<Timestamp>,
}

impl Engine {
    /// At the start: settles what a crash left open, and makes calls for whoever is connected.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn resume_connection(&self) -> Result<(), EngineError> {
        let Some(site) = self.site.as_ref().filter(|site| site.platform.is_some()) else {
            return Ok(());
        };
        let mut grant = self.store.read()?.grant()?;
        if grant.redeeming.is_some() {
            let entry = Entry::engine(self.clock.now(), "connection refused", &"stripe");
            let why = "the process ended before Stripe's answer came";
            grant = self.settle_unknown(site, entry.with("why", &why)).await?;
        }
        self.connecting.doubt.store(true, Ordering::SeqCst);
        self.act_on(&grant);
        Ok(())
    }

    /// New credentials: with them, what ended may hold again.
    pub fn credentials_changed(&self) {
        if !self.gate.is_closed(Side::Stripe) {
            self.gate.open(Side::Stripe);
        }
        self.connecting.doubt.store(true, Ordering::SeqCst);
        self.pace().unanswered_at = None;
        self.wake.connection.notify_one();
        self.wake.endpoint.notify_one();
    }

    /// A remote does not accept our key: it is parked, and if it is our right to act for the account
    /// that is gone, Stripe is asked about that at once.
    pub(in crate::engine) fn park(&self, failure: &Failure) {
        self.gate
            .park(failure.remote, &reason(failure), self.clock.now());
        let is_about_account = decide::is_revoked(failure.code.as_deref());
        if failure.remote == Side::Stripe && is_about_account && self.way() == Way::OAuth {
            self.connecting.doubt.store(true, Ordering::SeqCst);
            self.wake.connection.notify_one();
        }
    }

    /// Does everything there is to do about the connection; says when to look again.
    pub(in crate::engine) async fn tend_connection(&self) -> Result<Duration, EngineError> {
        while let Some(job) = self.connecting.next_job() {
            self.carry_out(job).await?;
        }
        self.take_back().await?;
        self.resolve_doubt().await?;
        Ok(PERIOD)
    }

    /// Makes calls for whoever a grant names, and wakes what waits for that.
    pub(super) fn act_on(&self, grant: &Grant) {
        match grant.held() {
            Some(account) => {
                self.stripe.set_acting(Acting::For(account.clone()));
                self.gate.reopen(Side::Stripe);
            }
            None => {
                self.stripe.set_acting(Acting::Nobody);
                self.gate.close(Side::Stripe);
            }
        }
        self.wake_all();
    }

    /// Takes a grant back that is not wanted; whether none is left to be.
    pub(super) async fn take_back(&self) -> Result<bool, EngineError> {
        let Some(platform) = self.site.as_ref().and_then(|site| site.platform.as_ref()) else {
            return Ok(true);
        };
        let grant = self.store.read()?.grant()?;
        let Some(account) = grant.unwanted else {
            self.pace().taken_back_at = None;
            return Ok(true);
        };
        let now = self.clock.now();
        let last = self.pace().taken_back_at.replace(now);
        if last.is_some_and(|last| now.since(last) < AGAIN) {
            self.pace().taken_back_at = last;
            return Ok(false);
        }
        if let Err(failure) = platform.oauth.deauthorise(&self.stripe, &account).await {
            tracing::warn!(event = "grant_not_taken_back", %failure);
            return Ok(false);
        }
        self.pace().taken_back_at = None;
        self.writer
            .write("record grant taken back", move |tx| {
                let mut grant = tx.grant()?;
                if grant.unwanted.as_ref() != Some(&account) {
                    return Ok(());
                }
                grant.unwanted = None;
                tx.set_grant(&grant)?;
                let subject = format!("account/{account}");
                let entry = Entry::engine(now, "grant taken back", &subject);
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        Ok(true)
    }

    /// Asks Stripe where something says that the connection is not as we take it.
    pub(super) async fn resolve_doubt(&self) -> Result<(), EngineError> {
        if self.way() == Way::Key {
            return Ok(());
        }
        let grant = self.store.read()?.grant()?;
        let now = self.clock.now();
        let doubted = self.connecting.doubt.load(Ordering::SeqCst);
        if let Some(account) = grant.held() {
            let parked = self.gate.parked(Side::Stripe).map(|parked| parked.since);
            let unanswered = self.pace().unanswered_at;
            let is_time = unanswered.is_none_or(|last| now.since(last) >= AGAIN);
            if doubted && is_time || (parked.is_some() && self.pace().parked != parked) {
                self.pace().parked = parked;
                return self.ask_about(account, true).await;
            }
        } else if let Some(account) = decide::in_doubt(&grant) {
            let last = self.pace().asked_at;
            if doubted || last.is_none_or(|last| now.since(last) >= AGAIN) {
                self.pace().asked_at = Some(now);
                return self.ask_about(account, false).await;
            }
        }
        Ok(())
    }

    /// Asks Stripe whether we may act for an account; `held` says what we take it for.
    async fn ask_about(&self, account: &AccountId, held: bool) -> Result<(), EngineError> {
        self.connecting.doubt.store(false, Ordering::SeqCst);
        let asked = self.stripe.connected_account(account, Priority::Sync).await;
        let now = self.clock.now();
        self.pace().unanswered_at = None;
        match asked {
            Ok(_) if held => self.gate.open(Side::Stripe),
            Ok(_) => self.note_found(account).await?,
            // A key may act for an account without the right to see it.
            Err(failure) if failure.class == Class::Forbidden && held => {}
            Err(failure) if decide::is_revoked(failure.code.as_deref()) => {
                if held {
                    self.note_lost(&failure).await?;
                }
            }
            Err(failure) if failure.class == Class::Unauthorized => {
                self.gate.park(Side::Stripe, &reason(&failure), now);
            }
            Err(failure) => {
                tracing::warn!(event = "connection_not_proven", %failure, "asking again");
                if held {
                    self.pace().unanswered_at = Some(now);
                    self.connecting.doubt.store(true, Ordering::SeqCst);
                }
            }
        }
        Ok(())
    }

    /// Stripe lets us act for an account after all.
    async fn note_found(&self, account: &AccountId) -> Result<(), EngineError> {
        let Some(site) = &self.site else {
            return Ok(());
        };
        let (found, now) = (account.clone(), self.clock.now());
        let identity = site.identity(account);
        let written = self.writer.write("record connection found", move |tx| {
            let grant = tx.grant()?;
            if decide::in_doubt(&grant) != Some(&found) {
                return Ok(None);
            }
            match tx.identity()? {
                Some(bound) if bound != identity => return Ok(None),
                Some(_) => {}
                None => tx.set_identity(&identity)?,
            }
            let grant = decide::accepted(&grant, &found, now);
            tx.set_grant(&grant)?;
            let subject = format!("account/{found}");
            tx.append_journal(&Entry::engine(now, "connected", &subject).with("way", &"oauth"))?;
            Ok(Some(grant))
        });
        if let Some(grant) = written.await? {
            tracing::info!(event = "connection_found", %account);
            self.act_on(&grant);
        }
        Ok(())
    }

    /// Stripe does not let us act for the account we are connected to.
    async fn note_lost(&self, failure: &Failure) -> Result<(), EngineError> {
        let now = self.clock.now();
        let code = failure.code.clone().unwrap_or_default();
        let written = self.writer.write("record connection lost", move |tx| {
            let Some(grant) = decide::ended(&tx.grant()?, Ended::Revoked, now) else {
                return Ok(None);
            };
            tx.set_grant(&grant)?;
            let account = decide::in_doubt(&grant).map(AccountId::as_str);
            let subject = format!("account/{}", account.unwrap_or_default());
            let entry = Entry::engine(now, "disconnected", &subject);
            let entry = entry
                .with("why", &Ended::Revoked.words())
                .with("code", &code);
            tx.append_journal(&entry)?;
            Ok(Some(grant))
        });
        if let Some(grant) = written.await? {
            tracing::warn!(event = "connection_lost", %failure);
            self.pace().asked_at = Some(now);
            self.act_on(&grant);
        }
        Ok(())
    }

    /// How the account is reached.
    pub(in crate::engine) fn way(&self) -> Way {
        self.site.as_ref().map_or(Way::Key, |site| site.way())
    }

    /// Whether the account is connected.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn connection(&self, read: &ReadTx<'_>) -> Result<(Connection, Grant), StoreError> {
        let bound = read.identity()?.map(|bound| bound.account);
        let parked = self.gate.parked(Side::Stripe);
        let refused = parked
            .as_ref()
            .map(|parked| (parked.reason.as_str(), parked.since));
        let grant = read.grant()?;
        let connection = decide::connection(self.way(), bound.as_ref(), &grant, refused);
        Ok((connection, grant))
    }

    /// The account whose events are ours: none while none is connected.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn heard_account(&self) -> Result<Option<AccountId>, StoreError> {
        let read = self.store.read()?;
        Ok(match self.way() {
            Way::Key => read.identity()?.map(|bound| bound.account),
            Way::OAuth => read.grant()?.held().cloned(),
        })
    }

    /// Whether nobody has ever connected an account to this store: then nothing is collected for it.
    pub(in crate::engine) fn awaits_connection(&self) -> Result<bool, StoreError> {
        Ok(self.way() == Way::OAuth && self.store.read()?.identity()?.is_none())
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.connecting
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits may go on, or has to stop.
    fn wake_all(&self) {
        self.wake.look.notify_one();
        self.wake.delivery.notify_one();
        self.wake.creation.notify_one();
        self.wake.poller.notify_one();
        self.wake.changes.notify_one();
        self.wake.scan.notify_one();
        self.wake.endpoint.notify_one();
        self.wake.acceptance.notify_one();
    }
}
