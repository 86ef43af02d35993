//! What both remotes stand on: the clock, the ids, the switches and the ordered faults.

use jiff::Timestamp;

use crate::fault::Faults;
use crate::message::Response;
use crate::random::Random;
use crate::switches::Switches;

/// The common ground of a world.
#[derive(Debug)]
pub(crate) struct Base {
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
    pub(crate) random: Random,
    pub(crate) switches: Switches,
    pub(crate) faults: Faults,
}

impl Base {
    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}

/// A remote's answer, and whether the request took effect.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response,
    pub(crate) applied: bool,
}

/// A time as the `Date` header has it.
pub(crate) fn http_date(unix: i64) -> String {
    let timestamp = Timestamp::from_second(unix).unwrap_or(Timestamp::UNIX_EPOCH);
    timestamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
