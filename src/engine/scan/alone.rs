//! Who is on one side alone, as listings show it.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::LINKS_STEP;
use crate::engine::scan::roll::Roll;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::model::work::Subject;

impl Engine {
    /// Forgets those without partner that a whole listing of `side`, begun at `started_at`, did not
    /// hold: they are gone. Whoever was met since it began may lie on a page that was read before.
    pub(super) async fn forget_gone(
        &self,
        (side, started_at): (Side, Timestamp),
        roll: &Roll,
    ) -> Result<(), EngineError> {
        let mut after: Option<Subject> = None;
        loop {
            let rows = self.store.read()?.alone(side, after.as_ref(), LINKS_STEP)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            let gone: Vec<Subject> = rows
                .into_iter()
                .filter(|(subject, since)| *since < started_at && !roll.holds(id_of(subject)))
                .map(|(subject, _)| subject)
                .collect();
            if !gone.is_empty() {
                self.writer
                    .write("forget customers that are gone", move |tx| {
                        gone.iter().try_for_each(|subject| tx.forget_alone(subject))
                    })
                    .await?;
            }
            tokio::task::yield_now().await;
        }
        let now = self.clock.now();
        self.writer
            .write("count customers without partner", move |tx| {
                tx.set_alone_counted_at(side, now)
            })
            .await?;
        Ok(())
    }
}

fn id_of(subject: &Subject) -> &str {
    match subject {
        Subject::Customer(id) => id.as_str(),
        Subject::Unlinked(id) => id.as_str(),
    }
}
