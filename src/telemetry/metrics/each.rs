//! One metric for each value of a closed list of labels, made before the first use.
//!
//! `prometheus_client`'s `Family` takes a lock and hashes on every use; here a use is a look-up
//! among a handful of keys, and every series exists from the start with the value zero, so that
//! an alert on its increase sees the first one.

use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Metric, Registry};
use std::collections::BTreeMap;

/// Names and values of a series' labels.
pub(super) type Labels = Vec<(&'static str, &'static str)>;

/// A label, or two: a closed list of words.
pub trait Key: Copy + Ord + 'static {
    /// Every value.
    fn all() -> Vec<Self>;
    /// Names and values of the labels.
    fn labels(self) -> Vec<(&'static str, &'static str)>;
}

impl<A: Key, B: Key> Key for (A, B) {
    fn all() -> Vec<Self> {
        let pairs = |a| B::all().into_iter().map(move |b| (a, b));
        A::all().into_iter().flat_map(pairs).collect()
    }

    fn labels(self) -> Vec<(&'static str, &'static str)> {
        let mut labels = self.0.labels();
        labels.extend(self.1.labels());
        labels
    }
}

/// A metric per key.
#[derive(Debug)]
pub struct Each<K, M> {
    by_key: BTreeMap<K, M>,
    /// Stands in for a key that [`Key::all`] forgot; never exported.
    spare: M,
}

impl<K: Key, M: Metric + TypedMetric + Clone> Each<K, M> {
    /// Registers one metric per key, each made by `make`.
    pub(super) fn register(
        registry: &mut Registry,
        name: &str,
        help: &str,
        make: fn() -> M,
    ) -> Self {
        let family = Family::<Labels, M>::new_with_constructor(make);
        let by_key = K::all()
            .into_iter()
            .map(|key| (key, family.get_or_create_owned(&key.labels())))
            .collect();
        registry.register(name, help, family);
        Self {
            by_key,
            spare: make(),
        }
    }

    /// The metric of `key`.
    pub fn of(&self, key: K) -> &M {
        self.by_key.get(&key).unwrap_or(&self.spare)
    }
}

/// Declares an enum whose variants are the values of one label.
macro_rules! label {
    (
        $(#[$doc:meta])* $name:ident, $key:literal
        { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word that stands in metrics and log lines.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl $crate::telemetry::metrics::Key for $name {
            fn all() -> Vec<Self> {
                vec![$(Self::$variant,)*]
            }

            fn labels(self) -> Vec<(&'static str, &'static str)> {
                vec![($key, self.as_str())]
            }
        }
    };
}
pub(super) use label;
