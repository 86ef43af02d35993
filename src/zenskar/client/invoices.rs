//! Invoices, their lines, and the payments on them; and the recording of a payment.

use crate::model::collection::Booking;
use crate::model::id::{InvoiceId, PaymentId, ZenskarCustomerId};
use crate::model::invoice::{Invoice, LinesTotal, Payment};
use crate::model::money::Currency;
use crate::model::time::Timestamp;
use crate::remote::client::Reply;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Answer, Call, Class, Failure, Outcome, Page, Repeat};
use crate::remote::text::{path_segment, query};
use crate::zenskar::client::{Failed, ZenskarClient, answer, is_null, unreadable};
use crate::zenskar::invoice;
use crate::zenskar::object::List;
use http::Method;
use serde_json::json;

const READ_INVOICE: Call = Call::read("read invoice");
const READ_LINES: Call = Call::read("read lines of invoice");
const LIST_INVOICES: Call = Call::read("list invoices");
const LIST_PAYMENTS: Call = Call::read("list payments");
const READ_PAYMENT: Call = Call::read("read payment");
const BOOK_PAYMENT: Call = Call::write("book payment", Repeat::LookFirst);

/// Pages of payments that are read of one invoice or of one Stripe id, at most.
const PAYMENT_PAGES_MAX: usize = 10;

/// Payments that match a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Those that came.
    pub payments: Vec<Payment>,
    /// Whether these are all: no more pages, and no row that could not be read.
    pub complete: bool,
    /// When the look began, by this host's clock.
    came_at: Timestamp,
}

/// That Zenskar was looked at just now and held no payment of the money that is to be booked: what a
/// booking needs, once.
///
/// Not `Clone`: a booking whose outcome is unknown is repeated after another look.
#[derive(Debug)]
pub struct NotBooked {
    came_at: Timestamp,
}

impl Payments {
    /// These and others of the same moment.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.payments.extend(other.payments);
        self.payments.sort_by(|one, other| one.id.cmp(&other.id));
        self.payments.dedup_by(|one, other| one.id == other.id);
        self.complete &= other.complete;
        self.came_at = self.came_at.min(other.came_at);
        self
    }

    /// That none of them is of the money that Stripe calls by one of these ids; `None` where one is,
    /// or where these may not be all.
    #[must_use]
    pub fn absent(&self, ids: &[String]) -> Option<NotBooked> {
        let is_of = |payment: &Payment| {
            let id = payment.external_id.as_ref();
            id.is_some_and(|id| ids.contains(id))
        };
        let is_absent = self.complete && !self.payments.iter().any(is_of);
        #[cfg(feature = "mutants")]
        let is_absent =
            is_absent || crate::mutants::is_on(crate::mutants::Mutant::BookedWithoutLook);
        is_absent.then_some(NotBooked {
            came_at: self.came_at,
        })
    }
}

/// A payment as it is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct NewPayment<'a> {
    /// Who paid.
    pub customer: &'a ZenskarCustomerId,
    /// What for.
    pub invoice: &'a InvoiceId,
    /// How much, and how much of it against the invoice.
    pub booking: &'a Booking,
    /// Its currency.
    pub currency: Currency,
    /// What it is of in Stripe.
    pub external_id: &'a str,
    /// Zenskar's word for how it was paid.
    pub method: &'a str,
}

impl ZenskarClient {
    /// The invoice as it is now; `None` for one that Zenskar does not know.
    ///
    /// # Errors
    ///
    /// The call failed, or the answer says no amount that can be used.
    pub async fn invoice(&self, id: &InvoiceId, priority: Priority) -> Outcome<Option<Invoice>> {
        let path = format!("/invoices/{}", path_segment(id.as_str()));
        self.one(READ_INVOICE, &path, priority, |body| {
            invoice::invoice(body).filter(|invoice| invoice.id == *id)
        })
        .await
    }

    /// What the invoice's lines add up to.
    ///
    /// # Errors
    ///
    /// The call failed, or the answer does not say.
    pub async fn lines_total(&self, id: &InvoiceId, priority: Priority) -> Outcome<LinesTotal> {
        let path = format!("/invoices/{}/line_items", path_segment(id.as_str()));
        let reply = self.fetch(READ_LINES, &path, false, priority).await?;
        let lines = invoice::lines_total(&reply.response.body)
            .ok_or_else(|| unreadable(READ_LINES, &reply, "no total of lines"))?;
        Ok(answer(&reply, lines))
    }

    /// A page of the invoices of these statuses, in Zenskar's words and comma-separated, oldest
    /// first, so that one made meanwhile comes at the end.
    ///
    /// The filter is asked for and not relied upon: the page holds every row that came.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::CursorGone`] when the cursor is not accepted.
    pub async fn invoices_page(
        &self,
        statuses: &str,
        cursor: Option<&str>,
        priority: Priority,
    ) -> Outcome<Page<Invoice, String>> {
        let mut pairs = vec![
            ("status__in", statuses),
            ("limit", "100"),
            ("order", "created_at"),
        ];
        pairs.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.rows(LIST_INVOICES, "/invoices", &pairs, priority, |row| {
            invoice::invoice(row)
        })
        .await
    }

    /// The payments on an invoice, whoever made them and whatever became of them.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn payments_on(&self, id: &InvoiceId, priority: Priority) -> Outcome<Payments> {
        // One that is not over may not have been put against anything yet.
        let is_on = |payment: &Payment| {
            let mut parts = payment.parts.iter();
            payment.parts.is_empty() || parts.any(|(invoice, _)| invoice == id)
        };
        self.payments(&[("invoice__id", id.as_str())], is_on, priority)
            .await
    }

    /// The payments of a customer whose external id may be this one: the filter takes `_` and `%`
    /// for wildcards, so that others may come with them.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn payments_of(
        &self,
        customer: &ZenskarCustomerId,
        external_id: &str,
        priority: Priority,
    ) -> Outcome<Payments> {
        let pairs = [
            ("customer_id", customer.as_str()),
            ("external_id__ilike", external_id),
        ];
        self.payments(&pairs, |_| true, priority).await
    }

    /// A payment as it is now; `None` for one that Zenskar does not know.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn payment(&self, id: &PaymentId, priority: Priority) -> Outcome<Option<Payment>> {
        let path = format!("/payments/{}", path_segment(id.as_str()));
        self.one(READ_PAYMENT, &path, priority, |body| {
            invoice::payment(body).filter(|payment| payment.id == *id)
        })
        .await
    }

    /// Records a payment, and says which one it is, if the answer can be read.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::Unknown`] when it may be recorded.
    pub async fn book(
        &self,
        looked: NotBooked,
        payment: NewPayment<'_>,
        priority: Priority,
    ) -> Outcome<Option<Payment>> {
        let permit = self.limiter.acquire(priority).await;
        self.still_serves(BOOK_PAYMENT, looked.came_at)?;
        let mut body = json!({
            "customer_id": payment.customer.as_str(),
            "amount": payment.booking.amount,
            "currency_code": payment.currency.as_str(),
            "type": "payment",
            "payment_method": payment.method,
            "status": "success",
            "external_id": payment.external_id,
        });
        if payment.booking.part > 0
            && let Some(body) = body.as_object_mut()
        {
            let part = json!({
                "invoice_id": payment.invoice.as_str(),
                "amount": payment.booking.part,
            });
            body.insert("payment_parts".to_owned(), json!([part]));
        }
        let reply = self
            .send(
                permit,
                BOOK_PAYMENT,
                Method::POST,
                "/payments",
                Some(body.to_string()),
                false,
            )
            .await
            .map_err(|failed| failed.failure)?;
        let made = invoice::payment(&reply.response.body);
        Ok(answer(&reply, made))
    }

    async fn payments(
        &self,
        filter: &[(&str, &str)],
        is_wanted: impl Fn(&Payment) -> bool,
        priority: Priority,
    ) -> Outcome<Payments> {
        let mut found = Payments {
            payments: Vec::new(),
            complete: true,
            came_at: self.base.clock().now(),
        };
        let mut cursor: Option<String> = None;
        let mut date = None;
        for _ in 0..PAYMENT_PAGES_MAX {
            let mut pairs = filter.to_vec();
            pairs.push(("limit", "100"));
            pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self
                .rows(LIST_PAYMENTS, "/payments", &pairs, priority, |row| {
                    invoice::payment(row)
                })
                .await?;
            date = page.date.or(date);
            found.complete &= page.value.unreadable == 0;
            let wanted = page.value.items.into_iter().filter(&is_wanted);
            found.payments.extend(wanted);
            cursor = page.value.next.filter(|next| Some(next) != cursor.as_ref());
            if cursor.is_none() {
                break;
            }
        }
        found.complete &= cursor.is_none();
        Ok(Answer {
            value: found,
            date,
            request_id: None,
        })
    }

    async fn one<T>(
        &self,
        call: Call,
        path: &str,
        priority: Priority,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Outcome<Option<T>> {
        let reply = match self.get(call, path, false, priority).await {
            Ok(reply) => reply,
            Err(Failed { failure, date }) if failure.class == Class::Missing => {
                return Ok(Answer {
                    value: None,
                    date,
                    request_id: None,
                });
            }
            Err(failed) => return Err(failed.failure),
        };
        if is_null(&reply.response.body) {
            return Ok(answer(&reply, None));
        }
        let seen = read(&reply.response.body)
            .ok_or_else(|| unreadable(call, &reply, "not what was asked for"))?;
        Ok(answer(&reply, Some(seen)))
    }

    async fn rows<T>(
        &self,
        call: Call,
        path: &str,
        pairs: &[(&str, &str)],
        priority: Priority,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Outcome<Page<T, String>> {
        let has_cursor = pairs.iter().any(|(name, _)| *name == "cursor");
        let path = format!("{path}{}", query(pairs));
        let reply = self.fetch(call, &path, has_cursor, priority).await?;
        let list = List::parse(&reply.response.body)
            .ok_or_else(|| unreadable(call, &reply, "not a list"))?;
        let rows = list.rows.len();
        let items: Vec<T> = list.rows.iter().filter_map(|row| read(row)).collect();
        let page = Page {
            unreadable: rows.saturating_sub(items.len()),
            items,
            next: list.next,
        };
        Ok(answer(&reply, page))
    }

    async fn fetch(
        &self,
        call: Call,
        path: &str,
        has_cursor: bool,
        priority: Priority,
    ) -> Result<Reply, Failure> {
        self.get(call, path, has_cursor, priority)
            .await
            .map_err(|failed| failed.failure)
    }
}
