//! Tokens, by the digests of their texts.

use crate::model::session::Digest;
use crate::model::token::Token;
use crate::store::error::StoreError;
use crate::store::tables::TOKENS;
use crate::store::tx::{ALL, Order, ReadTx, WriteTx};

/// Row of the counters with the last number given to a token.
const NUMBER: &[u8] = b"token";

impl ReadTx<'_> {
    /// The token whose text has this digest.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn token(&self, text: &Digest) -> Result<Option<Token>, StoreError> {
        self.record(TOKENS, text)
    }

    /// Every token: there are as many as programs that somebody set up.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.values(TOKENS, ALL, Order::Ascending, usize::MAX)
    }
}

impl WriteTx<'_> {
    /// The next token's number.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn next_token_number(&mut self) -> Result<u64, StoreError> {
        self.next_number(NUMBER)
    }

    /// Writes a token in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_token(&mut self, text: &Digest, token: &Token) -> Result<(), StoreError> {
        self.put(TOKENS, text, token)
    }

    /// Removes the tokens of which `may_go` says so; says how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_tokens(&mut self, may_go: impl Fn(&Token) -> bool) -> Result<usize, StoreError> {
        self.prune(TOKENS, may_go)
    }
}
