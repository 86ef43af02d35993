//! Answers kept under idempotency keys.
//!
//! A key is kept for 24 hours with the parameters it was first used with. Not here: which answers
//! are worth keeping (each failure says so itself).

use std::collections::{BTreeMap, VecDeque};

use super::failure::Failure;
use crate::message::{Request, Response};

/// Milliseconds a key is kept.
const KEPT_MS: i64 = 24 * 3_600_000;

#[derive(Debug)]
struct Kept {
    path: String,
    parameters: Vec<u8>,
    at_ms: i64,
    /// The answer is on its way until then.
    busy_until_ms: i64,
    request_id: String,
    response: Response,
}

/// Keys with their answers.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    kept: BTreeMap<String, Kept>,
    /// Keys by the time they were kept, so that old ones are found without looking at all.
    by_age: VecDeque<(i64, String)>,
}

impl Keys {
    /// The stored answer to this request, with the id of the request that got it first.
    pub(crate) fn replay(
        &self,
        key: &str,
        request: &Request,
        now_ms: i64,
    ) -> Result<Option<(Response, String)>, Failure> {
        let fresh = |kept: &&Kept| now_ms - kept.at_ms < KEPT_MS;
        let Some(kept) = self.kept.get(key).filter(fresh) else {
            return Ok(None);
        };
        if kept.path != request.path {
            return Err(Failure::key_reused(key, Some(&kept.path)));
        }
        if kept.parameters != parameters(request) {
            return Err(Failure::key_reused(key, None));
        }
        if now_ms < kept.busy_until_ms {
            return Err(Failure::key_in_use(key));
        }
        Ok(Some((kept.response.clone(), kept.request_id.clone())))
    }

    /// Keeps an answer that takes `delay_ms` to arrive.
    pub(crate) fn keep(
        &mut self,
        key: &str,
        request: &Request,
        now_ms: i64,
        delay_ms: u64,
        answer: (Response, String),
    ) {
        let delay = i64::try_from(delay_ms).unwrap_or(i64::MAX);
        let (response, request_id) = answer;
        let kept = Kept {
            path: request.path.clone(),
            parameters: parameters(request),
            at_ms: now_ms,
            busy_until_ms: now_ms.saturating_add(delay),
            request_id,
            response,
        };
        while let Some((at_ms, old)) = self.by_age.pop_front() {
            if now_ms - at_ms < KEPT_MS {
                self.by_age.push_front((at_ms, old));
                break;
            }
            if self.kept.get(&old).is_some_and(|kept| kept.at_ms == at_ms) {
                self.kept.remove(&old);
            }
        }
        self.by_age.push_back((now_ms, key.to_owned()));
        self.kept.insert(key.to_owned(), kept);
    }
}

/// What has to be the same for the same key: the pairs sent, in any order.
fn parameters(request: &Request) -> Vec<u8> {
    let mut pairs: Vec<&[u8]> = request
        .query
        .as_bytes()
        .split(|byte| *byte == b'&')
        .collect();
    pairs.extend(request.body.split(|byte| *byte == b'&'));
    pairs.retain(|pair| !pair.is_empty());
    pairs.sort_unstable();
    pairs.join(&b'&')
}
