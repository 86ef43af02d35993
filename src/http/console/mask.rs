//! What viewers do not see: the values that customers hold. That two values differ they see.

use super::session::Visitor;
use crate::engine::view::{
    ConflictRow, CustomerRow, CustomerView, DeadRow, DecisionRow, HistoryRow, PlanRow,
};
use crate::model::session::Role;

/// What stands in place of a value.
const HIDDEN: &str = "hidden";

/// A view with values in it.
pub(super) trait Values {
    /// Hides them.
    fn hide(&mut self);
}

/// The view as this visitor may see it.
pub(super) fn for_visitor<T: Values>(mut view: T, visitor: &Visitor) -> T {
    if visitor.role < Role::Operator {
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

impl Values for CustomerRow {
    fn hide(&mut self) {
        self.name.iter_mut().for_each(hide);
    }
}

impl Values for CustomerView {
    fn hide(&mut self) {
        self.row.hide();
        for field in &mut self.fields {
            let sides = [&mut field.stripe, &mut field.zenskar, &mut field.agreed];
            sides.into_iter().flatten().for_each(hide);
        }
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
