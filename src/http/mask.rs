//! What viewers do not see: the values that customers hold. That two values differ they see.

use crate::engine::view::{
    ChargeRunView, CollectionRow, ConflictRow, CustomerRow, CustomerView, DeadRow, DecisionRow,
    DroppedRow, EventRow, EventView, HistoryRow, InvoiceRow, InvoiceView, Page, PlanRow, PlanView,
    Redrive, RunRow, RunView, Status,
};
use crate::model::session::Role;

/// What stands in place of a value.
const HIDDEN: &str = "hidden";

/// A view with values in it.
pub(super) trait Values {
    /// Hides them.
    fn hide(&mut self);
}

/// Somebody who looks at a view: a person at the console, or whoever asks the API.
pub(super) trait Looks {
    /// What they may do.
    fn role(&self) -> Role;

    /// Whether they see values.
    fn sees_values(&self) -> bool {
        self.role() >= Role::Operator
    }
}

/// The view as this visitor may see it.
pub(super) fn for_visitor<T: Values>(mut view: T, visitor: &impl Looks) -> T {
    if !visitor.sees_values() {
        view.hide();
    }
    view
}

fn hide(value: &mut String) {
    HIDDEN.clone_into(value);
}

impl<T: Values> Values for Vec<T> {
    fn hide(&mut self) {
        self.iter_mut().for_each(Values::hide);
    }
}

impl<T: Values> Values for Page<T> {
    fn hide(&mut self) {
        self.rows.hide();
    }
}

impl Values for CustomerRow {
    fn hide(&mut self) {
        self.name.iter_mut().for_each(hide);
        // It may repeat what a remote said of the customer.
        self.note.iter_mut().for_each(hide);
    }
}

impl Values for Status {
    fn hide(&mut self) {
        for remote in [&mut self.stripe, &mut self.zenskar] {
            let said = remote.last_error.iter_mut();
            said.for_each(|error| hide(&mut error.message));
        }
        self.redrive.hide();
    }
}

impl Values for Redrive {
    fn hide(&mut self) {
        self.reason.iter_mut().for_each(hide);
    }
}

impl<T: Values> Values for Option<T> {
    fn hide(&mut self) {
        self.iter_mut().for_each(Values::hide);
    }
}

impl Values for CustomerView {
    fn hide(&mut self) {
        self.row.hide();
        for field in &mut self.fields {
            let sides = [&mut field.stripe, &mut field.zenskar, &mut field.agreed];
            sides.into_iter().flatten().for_each(hide);
        }
        let work = self.work.iter_mut();
        let errors = work.flat_map(|work| &mut work.last_error);
        errors.for_each(hide);
        self.history.hide();
    }
}

impl Values for HistoryRow {
    fn hide(&mut self) {
        self.details.iter_mut().for_each(|(_, value)| hide(value));
    }
}

impl Values for ConflictRow {
    fn hide(&mut self) {
        hide(&mut self.stripe_value);
        hide(&mut self.zenskar_value);
        self.agreed.iter_mut().for_each(hide);
        self.refusal.iter_mut().for_each(hide);
    }
}

impl Values for PlanRow {
    fn hide(&mut self) {
        hide(&mut self.stripe_value);
        hide(&mut self.zenskar_value);
        self.agreed.iter_mut().for_each(hide);
    }
}

impl Values for DecisionRow {
    fn hide(&mut self) {
        for value in [
            &mut self.stripe_before,
            &mut self.stripe_wanted,
            &mut self.zenskar_before,
            &mut self.zenskar_wanted,
        ] {
            hide(value);
        }
    }
}

impl Values for DeadRow {
    fn hide(&mut self) {
        hide(&mut self.reason);
    }
}

impl Values for DroppedRow {
    fn hide(&mut self) {
        self.letter.hide();
    }
}

impl Values for EventRow {
    /// It has none.
    fn hide(&mut self) {}
}

impl Values for EventView {
    fn hide(&mut self) {
        self.payload.iter_mut().for_each(hide);
    }
}

impl Values for PlanView {
    fn hide(&mut self) {
        self.rows.hide();
    }
}

impl Values for RunRow {
    /// It has none.
    fn hide(&mut self) {}
}

impl Values for RunView {
    fn hide(&mut self) {
        self.rows.hide();
    }
}

impl Values for CollectionRow {
    /// Why it came to nothing may repeat what a remote said of the customer.
    fn hide(&mut self) {
        self.why.iter_mut().for_each(hide);
    }
}

impl Values for InvoiceRow {
    fn hide(&mut self) {
        self.collection.iter_mut().for_each(Values::hide);
    }
}

impl Values for InvoiceView {
    fn hide(&mut self) {
        self.invoice.hide();
        self.collections.hide();
        self.history.hide();
    }
}

impl Values for ChargeRunView {
    fn hide(&mut self) {
        for row in &mut self.rows {
            row.why.iter_mut().for_each(hide);
            row.collection.iter_mut().for_each(Values::hide);
        }
    }
}
