//! The sandbox as its clients see it.

#[cfg(test)]
mod balance;
#[cfg(test)]
mod checkout;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod http;
#[cfg(test)]
mod intents;
#[cfg(test)]
mod invoices;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod money;
#[cfg(test)]
mod once;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod stripe;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tax_ids;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod zenskar;
