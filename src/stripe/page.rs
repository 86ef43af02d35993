//! Pages of Stripe's lists.

use crate::model::id::StripeCustomerId;
use crate::remote::outcome::Page;
use crate::stripe::convert::{Observed, observed};
use crate::stripe::object;

/// A body that is no page of a list, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAPage(pub(crate) &'static str);

/// Reads a page of customers.
///
/// # Errors
///
/// The body is no list, or one whose rest is out of reach.
pub fn customers(body: &[u8]) -> Result<Page<Observed, StripeCustomerId>, NotAPage> {
    read(
        body,
        |bytes| observed(bytes).ok(),
        |id| StripeCustomerId::parse(id).ok(),
    )
}

/// Reads a page, its elements by `item` and the place after it by `cursor`.
pub(crate) fn read<T, C>(
    body: &[u8],
    item: impl Fn(Vec<u8>) -> Option<T>,
    cursor: impl Fn(&str) -> Option<C>,
) -> Result<Page<T, C>, NotAPage> {
    let list: object::List<'_> =
        serde_json::from_slice(body).map_err(|_| NotAPage("not a list"))?;
    let items: Vec<T> = list
        .data
        .iter()
        .filter_map(|raw| item(raw.get().as_bytes().to_vec()))
        .collect();
    let next = if list.has_more() {
        let last = list
            .data
            .last()
            .and_then(|last| serde_json::from_str::<object::Identified>(last.get()).ok())
            .and_then(|object| cursor(&object.id));
        // Without it the rest of the list is out of reach, which must not look like its end.
        Some(last.ok_or(NotAPage("a list that cannot be continued"))?)
    } else {
        None
    };
    Ok(Page {
        unreadable: list.data.len().saturating_sub(items.len()),
        items,
        next,
    })
}
