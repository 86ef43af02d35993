//! A stateful local Stripe and Zenskar: the parts that deal with customers, events, webhooks, the
//! connection of an account to a platform, payment methods, `PaymentIntents`, Checkout, invoices and
//! payments.
//!
//! [`Sandbox`] is a cheap-clone handle on one world with both remotes in it. The world knows no
//! wall clock and no randomness but its seed: the same options and the same calls give the same
//! answers, so that a simulation can run against it in process. [`serve()`] puts it on two
//! sockets for everything that wants real HTTP.
//!
//! What goes wrong is ordered: [`Fault`] for the next few requests, deliveries or events,
//! [`Switches`] for lasting behaviours that the remotes' documentation leaves open.
//!
//! Not here: refunds, disputes, credit notes over the API and bank transfers. Nothing of the product
//! is used, not even its types, so that a mistake there cannot hide here.

mod address;
mod base;
mod control;
mod control_money;
mod fault;
mod limits;
mod log;
mod message;
mod money;
mod money_view;
mod native;
mod post;
mod random;
mod sandbox;
mod seed;
mod seed_money;
mod serve;
mod sign;
mod stripe;
mod switches;
mod world;
mod zenskar;

pub use fault::{Fault, FaultCount, FaultKind};
pub use log::{Exchange, Write};
pub use message::{Handled, Outcome, Remote, Request, Response};
pub use money_view::{Booked, MoneyView, Owed, Taken};
pub use sandbox::{Clock, Options, Sandbox};
pub use serve::{Listeners, ServeOptions, serve};
pub use sign::{hash_hex, hmac_hex, sign, signature_header};
pub use stripe::{
    ACCOUNT, CLIENT_ID, Delivery, DeliveryStatus, DeliveryView, OTHER_ACCOUNT, PLATFORM,
};
pub use switches::{
    AmountForm, Envelope, InvoiceCurrency, NativeExternalId, NativeSync, PatchNested,
    StripeSwitches, Switches, TimestampForm, WebhookProof, ZenskarSwitches,
};
pub use zenskar::ZenskarDelivery;
