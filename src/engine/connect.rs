//! Connecting an account by OAuth, keeping watch over the connection, and ending it.
//!
//! What changes the connection is done by one loop, one thing after the other: a browser that goes
//! away in the middle, or two browsers at once, change nothing about that.
//!
//! # Invariants
//!
//! - That a code is being redeemed is durable before the request leaves. It is never sent twice: one
//!   whose outcome is not known is settled as unknown, at the latest by the next start.
//! - What the store is bound to is looked at in the transaction that records a grant. A grant of
//!   another account is recorded as one to be taken back, and is, however often it takes.
//! - A connection that ended stops every call for the account and loses nothing.
//! - Tickets, states, codes and tokens are in no log and no error.
//!
//! Not here: pages and cookies (`http`), and what a grant means ([`crate::sync::connect`]).

mod watch;
mod words;

pub use words::Landing;

use crate::engine::Engine;
use crate::engine::command::CommandError;
use crate::engine::error::EngineError;
use crate::engine::secret::{digest, draw};
use crate::engine::site::{Platform, Site};
use crate::engine::view;
use crate::model::connection::{Ended, Grant};
use crate::model::id::AccountId;
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::remote::outcome::{Class, Failure};
use crate::stripe::oauth::Tokens;
use crate::sync::connect::{self as decide, Verdict, Wanted};
use crate::sync::flows::{Digest, Flows, LIFETIME, Refusal, Standing};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Path of the page that sends a browser to Stripe.
pub const START: &str = "/oauth/stripe/start";
/// Path of the page that Stripe sends a browser back to.
pub const CALLBACK: &str = "/oauth/stripe/callback";

/// Name of the sealed tokens.
const TOKENS: &str = "stripe/oauth";

/// What connecting needs besides the store.
#[derive(Debug, Default)]
pub(super) struct Connecting {
    flows: Mutex<Flows>,
    jobs: Mutex<Jobs>,
    /// Something says that the connection may not be what we take it for.
    doubt: Arc<AtomicBool>,
    pace: Mutex<watch::Pace>,
}

/// What is to be done about the connection, in this order.
#[derive(Debug, Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// The loop has ended: nothing is done about it, and whoever waits is told so.
    is_closed: bool,
}

/// Something to be done about the connection.
enum Job {
    Redeem {
        /// Of the flow that it belongs to.
        state: Digest,
        code: Zeroizing<String>,
        who: String,
        tell: oneshot::Sender<Landing>,
    },
    Disconnect {
        abandon: bool,
        who: String,
        tell: oneshot::Sender<Result<view::Done, CommandError>>,
    },
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redeem { .. } => "Redeem",
            Self::Disconnect { .. } => "Disconnect",
        })
    }
}

/// A browser on its way to Stripe.
#[derive(Debug)]
pub struct Departure {
    /// Where it is sent.
    pub location: String,
    /// The secret it is given, to come back with.
    pub browser: Zeroizing<String>,
    /// Whether it came over TLS, so that the secret travels over TLS alone.
    pub is_secure: bool,
}

/// What a browser brings back from Stripe.
#[derive(Default)]
pub struct Back {
    /// `state`.
    pub state: Option<String>,
    /// `code`.
    pub code: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// The secret it was given.
    pub browser: Option<String>,
}

impl fmt::Debug for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Back").finish_non_exhaustive()
    }
}

impl Connecting {
    pub(super) fn flows(&self) -> MutexGuard<'_, Flows> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` when there is none.
    fn next_job(&self) -> Option<Job> {
        self.jobs().waiting.pop_front()
    }

    /// Whoever sets it has the connection looked at.
    pub(super) fn doubt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.doubt)
    }
}

/// Where Stripe sends a browser back to, by where our pages are.
fn redirect_uri(pages: &str) -> String {
    format!("{pages}{CALLBACK}")
}

impl Engine {
    fn platform(&self) -> Result<(&Site, &Platform), CommandError> {
        let site = self.site.as_ref();
        let platform = site.and_then(|site| Some((site, site.platform.as_ref()?)));
        platform.ok_or_else(|| CommandError::Refused {
            message: "Stripe is reached by a key of the account's own, not by OAuth".to_owned(),
            hint: "nothing needs to be connected; for OAuth set `stripe.client_id` and the \
                   platform's secret key"
                .to_owned(),
        })
    }

    /// Where Stripe sends browsers back to, which has to be registered there.
    pub(super) fn redirect_uri(&self) -> Option<String> {
        let (_, platform) = self.platform().ok()?;
        let pages = platform.pages.as_ref()?;
        Some(redirect_uri(pages))
    }

    /// Gives a ticket to a person.
    pub(super) fn begin_connecting(&self, who: &str) -> Result<view::ConnectBegun, CommandError> {
        let (_, platform) = self.platform()?;
        let pages = platform
            .pages
            .as_ref()
            .ok_or_else(|| CommandError::Refused {
                message: "in live mode Stripe sends browsers back over https alone, and \
                          `listen.public_url` is not set"
                    .to_owned(),
                hint: "set `listen.public_url`, or use a restricted key of the account's own"
                    .to_owned(),
            })?;
        let ticket = draw()?;
        let now = self.clock.now();
        let flow = self.connecting.flows().issue(digest(&ticket), who, now);
        tracing::info!(event = "connecting_begun", flow, who);
        Ok(view::ConnectBegun {
            flow,
            url: format!("{pages}{START}?ticket={}", ticket.as_str()),
            redirect_uri: redirect_uri(pages),
            expires_at: now.plus(LIFETIME).to_string(),
        })
    }

    /// Where a flow stands.
    pub(super) fn connect_standing(
        &self,
        flow: u64,
    ) -> Result<view::ConnectStanding, CommandError> {
        let standing = self.connecting.flows().standing(flow, self.clock.now());
        let standing = standing.ok_or_else(|| {
            CommandError::NotFound(format!("nobody connects under the number {flow}"))
        })?;
        let say = |state: &str, message: &str, hint: &str| view::ConnectStanding {
            state: state.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
        };
        Ok(match standing {
            Standing::Waiting => say("waiting", "the address was not opened yet", ""),
            Standing::AtStripe => say("at-stripe", "a browser was sent to Stripe", ""),
            Standing::Finishing => say("finishing", "the browser came back", ""),
            Standing::Late => say(
                "late",
                "nobody came back from Stripe within ten minutes",
                "begin again. If you have seen an error as JSON instead of Stripe's page: \
                 `invalid_redirect_uri` means that the address to come back to has to be added in \
                 Stripe's dashboard (Connect, Settings, Redirects), exactly as it is shown here; \
                 `invalid_client` that `stripe.client_id` is not one of that mode",
            ),
            Standing::Ended(end) if end.connected => say("connected", &end.message, &end.hint),
            Standing::Ended(end) => say("refused", &end.message, &end.hint),
        })
    }

    /// A browser brings a ticket and is sent to Stripe.
    ///
    /// # Errors
    ///
    /// What it is shown instead.
    pub fn depart(&self, ticket: &str) -> Result<Departure, Landing> {
        let unknown = || words::refusal(Refusal::UnknownTicket);
        let (_, platform) = self.platform().map_err(|_| unknown())?;
        let pages = platform.pages.as_ref().ok_or_else(unknown)?;
        let inside = |_| Landing::refused("Something went wrong inside zenstripe.", "");
        let (state, browser) = (draw().map_err(inside)?, draw().map_err(inside)?);
        let started = self.connecting.flows().start(
            &digest(ticket),
            (digest(&state), digest(&browser)),
            self.clock.now(),
        );
        started.map_err(words::refusal)?;
        let redirect = format!("{pages}{CALLBACK}");
        Ok(Departure {
            location: platform.oauth.authorize_url(&redirect, &state),
            browser,
            is_secure: pages.starts_with("https://"),
        })
    }

    /// A browser comes back from Stripe; says what it is shown.
    pub async fn arrive(&self, back: Back) -> Landing {
        let Some(state) = back.state.as_deref().map(digest) else {
            return words::refusal(Refusal::UnknownState);
        };
        let browser = back.browser.as_deref().map(digest);
        let now = self.clock.now();
        let let_on = self.connecting.flows().back(&state, browser.as_ref(), now);
        let landing = match (let_on, back.error, back.code) {
            (Err(refusal), _, _) => {
                tracing::debug!(event = "browser_refused", ?refusal);
                let landing = words::refusal(refusal);
                if refusal == Refusal::UsedState {
                    // What came of it the first time still holds.
                    return landing;
                }
                landing
            }
            (Ok((_, who)), None, Some(code)) if !code.is_empty() => {
                let (tell, told) = oneshot::channel();
                let code = Zeroizing::new(code);
                let job = Job::Redeem {
                    state,
                    code,
                    who,
                    tell,
                };
                self.order(job);
                told.await.unwrap_or_else(|_| {
                    Landing::refused("zenstripe is going down.", "Connect again in a minute.")
                })
            }
            (Ok(_), error, _) => words::no_code(error.as_deref()),
        };
        self.connecting.flows().end(&state, landing.end());
        landing
    }

    /// Ends the connection, for a person.
    pub(super) async fn disconnect(
        &self,
        abandon: bool,
        who: &str,
    ) -> Result<view::Done, CommandError> {
        self.platform()?;
        let (tell, told) = oneshot::channel();
        let who = who.to_owned();
        self.order(Job::Disconnect { abandon, who, tell });
        told.await.unwrap_or_else(|_| {
            Err(CommandError::Refused {
                message: "zenstripe is going down".to_owned(),
                hint: "try again once it runs".to_owned(),
            })
        })
    }

    /// Leaves a job to the loop. Once that has ended the job is dropped, and with it whoever waits.
    fn order(&self, job: Job) {
        let mut jobs = self.connecting.jobs();
        if !jobs.is_closed {
            jobs.waiting.push_back(job);
            self.wake.connection.notify_one();
        }
    }

    /// The loop has ended.
    pub(super) fn end_jobs(&self) {
        let mut jobs = self.connecting.jobs();
        jobs.is_closed = true;
        jobs.waiting.clear();
    }

    /// Does what is to be done about the connection; the store's failure alone is an error.
    async fn carry_out(&self, job: Job) -> Result<(), EngineError> {
        // Whoever asked may have gone away meanwhile; what was done still holds.
        match job {
            Job::Redeem {
                state,
                code,
                who,
                tell,
            } => {
                let landing = self.redeem(&code, &who).await?;
                self.connecting.flows().end(&state, landing.end());
                drop(tell.send(landing));
            }
            Job::Disconnect { abandon, who, tell } => match self.end_grant(abandon, &who).await {
                Err(CommandError::Engine(error)) if error.is_fatal() => return Err(error),
                done => drop(tell.send(done)),
            },
        }
        Ok(())
    }

    async fn redeem(&self, code: &str, who: &str) -> Result<Landing, EngineError> {
        let Ok((site, platform)) = self.platform() else {
            return Ok(words::no_code(None));
        };
        let now = self.clock.now();
        self.writer
            .write("redeem code", move |tx| {
                let grant = tx.grant()?;
                tx.set_grant(&decide::redeeming(&grant, now))
            })
            .await?;
        match platform.oauth.redeem(&self.stripe, code).await {
            Ok(tokens) => self.take_grant(site, tokens, who).await,
            Err(failure) => self.note_not_redeemed(site, &failure, who).await,
        }
    }

    /// Stripe granted something.
    async fn take_grant(
        &self,
        site: &Site,
        tokens: Tokens,
        who: &str,
    ) -> Result<Landing, EngineError> {
        let now = self.clock.now();
        let granted = tokens.granted.clone();
        let sealed = seal_tokens(site, &tokens);
        drop(tokens);
        let Ok(sealed) = sealed else {
            // The library refuses nothing we give it; without it nothing is kept in the open.
            let mut entry = Entry::engine(now, "connection refused", &"stripe");
            entry.who = who.to_owned();
            self.settle_unknown(site, entry).await?;
            return Ok(Landing::refused(
                "Something went wrong inside zenstripe.",
                "",
            ));
        };
        let (named, identity) = (site.account.clone(), site.identity(&granted.account));
        let live = site.mode == crate::store::Mode::Live;
        let (offer, person) = (granted.clone(), who.to_owned());
        let (verdict, grant) = self
            .writer
            .write("record grant", move |tx| {
                let bound = tx.identity()?;
                let wanted = Wanted {
                    bound: bound.as_ref().map(|bound| bound.account.clone()),
                    named,
                    live,
                };
                let (grant, verdict) = (tx.grant()?, decide::judge(&offer, &wanted));
                let subject = format!("account/{}", offer.account);
                let (grant, what) = if verdict == Verdict::Accept {
                    if bound.is_none() {
                        tx.set_identity(&identity)?;
                    }
                    tx.put_secret(TOKENS, &sealed)?;
                    (decide::accepted(&grant, &offer.account, now), "connected")
                } else {
                    let grant = decide::refused(&grant, &offer.account);
                    (grant, "connection refused")
                };
                tx.set_grant(&grant)?;
                let mut entry = Entry::engine(now, what, &subject).with("way", &"oauth");
                entry = match &verdict {
                    Verdict::Accept => entry,
                    Verdict::OtherAccount(wanted) => entry.with("wanted", wanted),
                    Verdict::OtherMode => entry.with("why", &"it is of the other mode"),
                    Verdict::ReadOnly => entry.with("why", &"it allows reading alone"),
                };
                entry.who = person;
                tx.append_journal(&entry)?;
                Ok((verdict, grant))
            })
            .await?;
        tracing::info!(event = "grant_recorded", account = %granted.account, ?verdict);
        if verdict == Verdict::Accept {
            self.connecting.doubt.store(false, Ordering::SeqCst);
            self.act_on(&grant);
            let message = format!("The account {} is connected.", granted.account);
            return Ok(Landing::connected(message));
        }
        let taken_back = self.take_back().await?;
        let account = granted.account.as_str();
        Ok(words::unwanted(&verdict, account, taken_back))
    }

    /// Stripe did not grant anything that we know of.
    async fn note_not_redeemed(
        &self,
        site: &Site,
        failure: &Failure,
        who: &str,
    ) -> Result<Landing, EngineError> {
        let now = self.clock.now();
        let entry = Entry::engine(now, "connection refused", &"stripe");
        let mut entry = entry.with("why", failure);
        entry.who = who.to_owned();
        tracing::warn!(event = "code_not_redeemed", %failure);
        if failure.class != Class::Unknown {
            self.writer
                .write("record refusal of code", move |tx| {
                    let grant = tx.grant()?;
                    tx.set_grant(&decide::not_redeemed(&grant))?;
                    tx.append_journal(&entry).map(drop)
                })
                .await?;
            return Ok(words::not_redeemed(failure));
        }
        let grant = self.settle_unknown(site, entry).await?;
        self.act_on(&grant);
        // If there is only one account it can be, Stripe says whether it is connected.
        self.connecting.doubt.store(true, Ordering::SeqCst);
        self.resolve_doubt().await?;
        let grant = self.store.read()?.grant()?;
        Ok(match grant.held() {
            Some(account) => Landing::connected(format!(
                "Stripe's answer got lost, and Stripe says that {account} is connected."
            )),
            None => words::not_redeemed(failure),
        })
    }

    /// Records that the outcome of redeeming a code is not known.
    async fn settle_unknown(&self, site: &Site, entry: Entry) -> Result<Grant, EngineError> {
        let (named, now) = (site.account.clone(), self.clock.now());
        let written = self.writer.write("settle unknown grant", move |tx| {
            let bound = tx.identity()?.map(|bound| bound.account);
            let account = bound.or(named);
            let grant = decide::unsettled(&tx.grant()?, account.as_ref(), now);
            tx.set_grant(&grant)?;
            tx.append_journal(&entry)?;
            Ok(grant)
        });
        Ok(written.await?)
    }

    /// A person ends the connection.
    async fn end_grant(&self, abandon: bool, who: &str) -> Result<view::Done, CommandError> {
        let read = self.store.read()?;
        let mut waiting = read.intent_count()?;
        for side in [Side::Stripe, Side::Zenskar] {
            waiting = waiting.saturating_add(read.creation_counts(side)?.open);
        }
        drop(read);
        if waiting > 0 && !abandon {
            return Err(CommandError::Refused {
                message: format!("writes that are on their way: {waiting}"),
                hint: "wait until they have arrived (\"zenstripe status\"), or disconnect with \
                       --abandon: they are kept, and go on once the same account is connected again"
                    .to_owned(),
            });
        }
        let (now, person) = (self.clock.now(), who.to_owned());
        let ended = self
            .writer
            .write("end grant", move |tx| {
                let grant = decide::ended(&tx.grant()?, Ended::Person, now);
                let Some(grant) = grant else { return Ok(None) };
                tx.set_grant(&grant)?;
                tx.remove_secret(TOKENS)?;
                let account = grant.unwanted.as_ref().map(AccountId::as_str);
                let subject = format!("account/{}", account.unwrap_or_default());
                let mut entry = Entry::engine(now, "disconnected", &subject);
                entry = entry.with("writes that wait", &waiting);
                entry.who = person;
                tx.append_journal(&entry)?;
                Ok(Some(grant))
            })
            .await?;
        let Some(grant) = ended else {
            return Err(CommandError::Refused {
                message: "no Stripe account is connected".to_owned(),
                hint: "run \"zenstripe connect\" to connect one".to_owned(),
            });
        };
        self.act_on(&grant);
        let account = grant.unwanted.map(|account| account.to_string());
        let account = account.unwrap_or_default();
        let message = if self.take_back().await? {
            format!("{account} is disconnected")
        } else {
            format!("{account} is disconnected here; Stripe is told as soon as it answers")
        };
        Ok(view::Done { message, count: 1 })
    }
}

fn seal_tokens(
    site: &Site,
    tokens: &Tokens,
) -> Result<crate::store::Sealed, crate::store::SealError> {
    let text = serde_json::json!({
        "access_token": tokens.access.as_str(),
        "refresh_token": tokens.refresh.as_str(),
    });
    let text = Zeroizing::new(text.to_string());
    site.sealer.seal(TOKENS, text.as_bytes())
}

#[cfg(test)]
mod tests;
