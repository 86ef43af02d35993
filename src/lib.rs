//! zenstripe: an on-prem connector between one Stripe account and one Zenskar organisation.
//!
//! # Map
//!
//! A module may use those to its left, never those to its right:
//!
//! ```text
//! model < sync < config, clock, telemetry < remote < stripe, zenskar, store < engine < http < cli
//! ```
//!
//! - [`model`]: the words of the domain; depends on the standard library alone.
//! - [`sync`]: decisions. State in, plan out; no clock, no socket, no file.
//! - [`config`]: the operator's file, as plain data. [`clock`]: time and chance, as parameters.
//!   [`telemetry`]: logs, counters, error chains.
//! - [`remote`]: a request in, an outcome out, and how many of them at a time.
//! - [`stripe`], [`zenskar`]: each system as we see it. [`store`]: the embedded store.
//! - [`engine`]: the loops that join the parts, and nothing that decides.
//! - [`http`]: everything that listens. [`cli`]: arguments, printing, and the composition root.
//!
//! # Glossary
//!
//! One word per thing, in tables, types, logs, metrics, configuration, commands and pages.
//!
//! - **link**: which customer of Stripe and which of Zenskar are the same.
//! - **base**: what both systems last agreed on, field by field.
//! - **intent**: a write that was decided and is not yet known to have happened.
//! - **conflict**: a field that both sides changed, and that waits for a rule or a person.
//! - **difference**: a field that differs and is not moved by itself.
//! - **drift**: a difference at the target of a one-way sync.
//! - **plan**: what would be written about differences if a person confirmed it; also what one look
//!   at one customer comes to.
//! - **rehearsal**: a scan under rules that are not in force, so that their plan is seen before they
//!   are; nothing is written to either side.
//! - **decision**: what a person said is to become of a field. **run**: the decisions made at once,
//!   by resolving a conflict, by applying a plan or by undoing a run.
//! - **creation**: a customer that is there on one side only and is to be made on the other. It is
//!   **offered** where a person has to order it.
//! - **inbox**: what waits to be looked at. **intake**: the worker that empties it.
//! - **outbox**: intents that wait to be sent. **delivery**: the worker that sends them.
//! - **dead letter**: work that was given up, kept with its reason until a person decides. **redrive**:
//!   many of them tried again, little by little.
//! - **scan**: a look at every customer of both systems.
//! - **sweep**: the half of a scan that lists Zenskar alone.
//! - **change**: a customer of Zenskar that was made, edited or deleted there, as we heard of it.
//! - **activity**: what the connector and people did, and why, for people to read.
//! - **attempt**: one request for an intent; recorded before it leaves.
//! - **collection**: one attempt to collect an invoice, until the money is booked or surely not taken.
//! - **rail**: how a collection collects: by a link, by a charge of a stored payment method, or from a
//!   transfer.
//! - **lease**: the right to collect an invoice; one at a time, whatever the rail.
//! - **last look**: what both remotes show of an invoice right before it is charged.
//! - **charge run**: charges that were ordered at once; it has a **line** for each invoice.
//! - **booking**: a payment as recorded in Zenskar.
//! - **freeze**: nothing new is collected until a person ends it. **brake**: what freezes by itself.
//! - **transfer**: money that arrived by bank.
//! - **connection**: whether calls for the Stripe account are made, and why not.
//! - **grant**: what the account's owner allowed a platform over OAuth.
//! - **flow**: one browser's way through OAuth, from its ticket to what came of it.
//! - **login**: that somebody may sign in to the console, once. **session**: that somebody did.
//! - **token**: what lets in whoever has it: a program at the API, until it ends; a person at the login,
//!   once. **role**: what may then be done.
//! - **endpoint**: where Stripe delivers webhooks to; ours carries our installation's id.
//!
//! # Invariants
//!
//! - A webhook is answered 200 after its event is durable, never before ([`http::webhook`]).
//! - Webhook and poller only add to the inbox, under the same ids. Webhooks never move the poll
//!   cursor, so losing all of them costs time and nothing else ([`engine::poller`],
//!   [`engine::changes`]).
//! - Events are hints. What is written follows from the current state of both sides and from what
//!   they last agreed on ([`sync::customer`]).
//! - What was not read is not blank: a field that an object did not show moves no base, makes no
//!   difference and is not written ([`model::customer::Customer::value`]).
//! - The base moves on evidence alone: both sides were seen to hold the value, or the target's
//!   answer says so.
//! - What a person decided is carried out by the same looks and deliveries, and only where both sides
//!   still hold what the person saw ([`sync::decision`]).
//! - An intent is durable before its request leaves, and an attempt is recorded before it is made.
//!   After an attempt of unknown outcome the target is looked at first ([`engine::delivery`]).
//! - A customer is made on the other side only where everything was asked that could show a
//!   counterpart, all of it answered, and nobody was found ([`sync::creation`]).
//! - Unknown is never failed; a look-up that failed is never "not found"; a mapping that gave no
//!   answer is never "unlinked".
//! - A collection holds its invoice's lease from before its request leaves until its outcome is known
//!   and the money is booked; its request is sent again in the same bytes under the same key, or not
//!   at all. What was taken is booked once, whole, or stands where people see it
//!   ([`engine::collecting`]).
//! - A code of OAuth is redeemed at most once, and that it is being redeemed is durable before. What a
//!   store is bound to never changes ([`engine::connect`], [`sync::connect`]).
//! - The console answers nothing without a session, and changes nothing but by a form of its own that
//!   a person with the role for it sent ([`http::console`]).
//! - The API answers a process that the socket let in, and whoever holds a token with the role that
//!   the route takes; never a cookie, and never on the public listener ([`http::api`],
//!   [`http::commands`]).
//! - Only webhook endpoints with our installation's id are changed ([`sync::endpoint`]).
//! - One process, one writer, one named transaction a step ([`store`]). A remote's failure is a
//!   state; a failure of the store ends the process.
//! - A remote's now is the `Date` of its answers; this host's clock is for this host's waiting.
//!
//! # Walkthrough: a webhook, from the socket to Zenskar
//!
//! 1. [`http::listener`]: a connection under a permit; head and body within their deadlines.
//! 2. [`http::webhook`]: the raw bytes are checked against every active secret
//!    ([`stripe::signature`]), then the envelope is read ([`stripe::event`]).
//! 3. [`store::Writer`]: the bytes go into the inbox with the next group commit; then 200.
//! 4. [`engine::intake`]: new events are sorted into work, one piece a customer.
//! 5. [`engine::look`]: the current customer is read from both sides. A webhook's own snapshot
//!    serves where it is later than everything seen and in our version; what it does not show, as
//!    tax ids, is not known.
//! 6. [`sync::customer::plan`]: settles outstanding intents, merges each field; the plan is checked.
//! 7. [`engine::look`]: one transaction takes the work off, moves the base, writes differences and
//!    intents, and says so in the journal. If the link moved meanwhile, step 5 repeats.
//! 8. [`engine::delivery`]: records the attempt, sends the changed fields
//!    ([`zenskar::client`]), and records what the answer proves.
//!
//! # Walkthrough: the same without webhooks, and after a crash
//!
//! The poller reads a window of Stripe's events API that overlaps the one before, and inserts what
//! it finds under the same ids: step 3. A gap longer than Stripe lists events makes it ask for a
//! [scan](engine::scan), which lists both sides and makes work of every linked customer that is
//! not as it was agreed: step 5.
//!
//! # Walkthrough: a change in Zenskar
//!
//! [`engine::changes`] asks Zenskar for the customers that changed and inserts those that are news,
//! or Zenskar's webhook does ([`zenskar::hook`]), under the same id: step 3. The intake finds the
//! link of the customer: step 5, where both sides are read. A customer without link is asked for
//! its mapping, and its events wait until there is one. What was heard is a hint alone.
//!
//! # Walkthrough: an invoice is charged
//!
//! 1. A person orders it ([`engine::command::MoneyCommand::Charge`]): a charge run with its lines.
//! 2. [`engine::collecting`]: the last look reads the invoice, its lines and its payments from Zenskar,
//!    and the default payment method from Stripe; [`sync::collect`] says how much may be taken, or
//!    why nothing.
//! 3. One transaction asks the brakes ([`sync::brakes`]) and writes the collection with its request:
//!    the lease is taken. Then the request leaves.
//! 4. What the `PaymentIntent` shows moves the collection ([`sync::payment_intent`]). Without an answer
//!    it is asked for, by its key, then by what Stripe lists.
//! 5. Money that was taken is booked after a look ([`sync::booking`]), and the lease ends when the
//!    invoice is seen to owe less.
//!
//! # Walkthrough: an account is connected by OAuth
//!
//! 1. A person asks for a ticket ([`cli::connect`], [`engine::command::Command::Connect`]).
//! 2. [`http::connect`]: the browser that brings it is given a secret and sent to Stripe with a state
//!    ([`sync::flows`]). It comes back with a code.
//! 3. [`engine::connect`]: that the code is being redeemed is written down; [`stripe::oauth`] redeems
//!    it; [`sync::connect`] judges what was granted.
//! 4. One transaction records the grant, seals the tokens and binds a new store, or records that the
//!    grant is to be taken back.
//! 5. Calls are made for the account from then on, whatever waited is woken, and the webhook endpoint
//!    is made ([`sync::endpoint`]).
//!
//! # Walkthrough: a page of the console
//!
//! 1. Somebody who may use the socket has a login made ([`cli::console`]); [`http::console`] takes its
//!    token in exchange for a session, of which the store keeps a digest.
//! 2. A page is a view of [`engine::command`] in a frame, or the view itself to whoever asks for JSON.
//! 3. A form is let through if it came from a page of this session and its sender has the role. It is
//!    a command, with that person's name; what came of it is told on the page that is shown next.
//!
//! A program asks for the same views, and gives the same commands, with a token at `/api/v1`: of that
//! the store keeps a digest, too, and the activity has its name.
//!
//! Killed anywhere, the process opens the store and finds: events that were acknowledged, work
//! that was not taken off, intents with their attempts. An intent with an attempt and no outcome
//! is unknown: step 8 begins with a look. What was not committed was not acknowledged, so Stripe
//! delivers it again.

pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod http;
pub mod model;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod remote;
pub mod store;
pub mod stripe;
pub mod sync;
pub mod telemetry;
pub mod zenskar;
