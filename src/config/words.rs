//! The closed sets of words that settings take.
//!
//! Each enum knows its words in the order in which they are shown to people. What a word makes the
//! daemon do is not in here.

use std::fmt;

/// A closed set of words.
pub trait Word: Copy + Sized + 'static {
    /// Every value with its word.
    const ALL: &'static [(&'static str, Self)];

    /// The word as it is written in the file.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
        }

        impl $name {
            /// The word as it is written in the file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Word for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words! {
    /// Which half of the Stripe account.
    Mode {
        /// Test data, no money.
        Test = "test",
        /// Money.
        Live = "live",
    }

    /// What a Zenskar organisation is.
    OrganisationKind {
        /// For trying out.
        Sandbox = "sandbox",
        /// For business.
        Live = "live",
    }

    /// Whether Zenskar's own Stripe connector runs on the organisation.
    NativeStripe {
        /// It does not, and never starts without being noticed.
        Off = "off",
        /// It does; each rail has one owner.
        Present = "present",
    }

    /// Who collects over a rail.
    Owner {
        /// This daemon.
        Zenstripe = "zenstripe",
        /// Zenskar's own connector.
        Zenskar = "zenskar",
    }

    /// Which invoice of consolidated customers owes the money.
    Consolidation {
        /// The child's own invoice.
        Child = "child",
        /// The parent's consolidated invoice.
        Parent = "parent",
    }

    /// Which way customer changes travel.
    #[derive(Default)]
    SyncDirection {
        /// Nowhere.
        #[default]
        Off = "off",
        /// From Stripe to Zenskar.
        ImportOnly = "import-only",
        /// From Zenskar to Stripe.
        ExportOnly = "export-only",
        /// Both ways.
        ImportAndExport = "import-and-export",
    }

    /// Who wins where both sides changed a field.
    #[derive(Default)]
    Winner {
        /// A person decides.
        #[default]
        Ask = "ask",
        /// Stripe's value.
        Stripe = "stripe",
        /// Zenskar's value.
        Zenskar = "zenskar",
        /// The later change, where both times are known beyond doubt; otherwise a person.
        Newest = "newest",
    }

    /// Who wins where the sides differ at first sight.
    #[derive(Default)]
    Initial {
        /// A person decides.
        #[default]
        Ask = "ask",
        /// Stripe's value.
        Stripe = "stripe",
        /// Zenskar's value.
        Zenskar = "zenskar",
    }

    /// Where a missing counterpart is created.
    #[derive(Default)]
    Create {
        /// Nowhere; it is listed.
        #[default]
        None = "none",
        /// In Stripe.
        Stripe = "stripe",
        /// In Zenskar.
        Zenskar = "zenskar",
        /// In either.
        Both = "both",
    }

    /// A customer field that can travel.
    Field {
        /// The display name.
        Name = "name",
        /// The mail address.
        Email = "email",
        /// The phone number.
        Phone = "phone",
        /// The billing address.
        Address = "address",
        /// The recipient of shipments.
        ShippingName = "shipping.name",
        /// The recipient's phone number.
        ShippingPhone = "shipping.phone",
        /// The shipping address.
        ShippingAddress = "shipping.address",
        /// The language of mails and pages.
        Locale = "locale",
        /// Tax ids.
        TaxIds = "tax_ids",
    }

    /// When stored methods are charged without a person.
    AutoCharge {
        /// Never.
        Manual = "manual",
        /// On the due date.
        WhenDue = "when-due",
        /// As soon as the invoice is approved.
        WhenApproved = "when-approved",
    }

    /// What is charged where Stripe has no default method.
    DefaultMethod {
        /// Nothing.
        Refuse = "refuse",
        /// The card added last.
        NewestCard = "newest-card",
    }

    /// What happens to money beyond the amount due.
    Overpaid {
        /// A person decides.
        Ask = "ask",
        /// It is booked as an unallocated payment.
        Unallocated = "unallocated",
    }

    /// Whether money that goes back reopens the invoice.
    Reopen {
        /// A person decides.
        Ask = "ask",
        /// It does.
        Reopen = "reopen",
    }

    /// Whether arrived money is applied to invoices.
    Apply {
        /// Yes, where there is no doubt.
        Automatic = "automatic",
        /// It is proposed to a person.
        Propose = "propose",
        /// It is only shown.
        Off = "off",
    }

    /// Where a customer's payment methods are shown.
    #[derive(Default)]
    PaymentMethodMirror {
        /// In our console only.
        #[default]
        Console = "console",
        /// Also in the Zenskar customer's `custom_data`.
        CustomData = "custom_data",
        /// Also attached in Zenskar.
        Attach = "attach",
    }
}
