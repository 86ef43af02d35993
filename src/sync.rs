//! Decisions about customers and about money: state in, plan out.
//!
//! Everything here is synchronous and owns no clock, socket, file or random source; time is an
//! argument. What the engine observed goes in as a [`customer::State`], and what is to be done
//! comes out as a [`customer::Plan`], a value that is checked, applied in one transaction, and can
//! be shown to a person instead.
//!
//! # Invariants
//!
//! - The base moves only on evidence: both sides were seen to hold the value, or the target's
//!   answer says that it does.
//! - Outstanding intents are an input of every plan. Our own write, seen again, is "no change".
//! - Every difference of a selected field ends in the plan's write or among its differences;
//!   [`customer::Plan::check`] refuses a plan for which this does not hold.
//!
//! - Nothing is collected twice: one collection of an invoice at a time ([`collect`]), and an outcome
//!   that is unknown is neither taken nor failed ([`payment_intent`], [`booking`]).
//!
//! Not here: how the two systems spell a customer, and when anything runs.

pub mod activation;
pub mod booking;
pub mod brakes;
pub mod collect;
pub mod compare;
pub mod connect;
pub mod creation;
pub mod customer;
pub mod dead;
pub mod decision;
pub mod decline;
pub mod endpoint;
pub mod evidence;
pub mod flows;
pub mod lag;
pub mod matching;
pub mod merge;
pub mod method;
pub mod payment_intent;
pub mod policy;
pub mod proposal;
pub mod rehearsal;
pub mod sending;
pub mod session;
pub mod subject;
#[cfg(test)]
pub(crate) mod testing;
pub mod token;
pub mod units;
