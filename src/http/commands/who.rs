//! Who gives an order, as it is recorded.

use crate::http::api::Actor;

/// Where users are listed. One that comes from a directory service is known by its number.
const USERS: &str = "/etc/passwd";

/// A user's name where it has one here.
pub(super) async fn name(actor: &Actor) -> String {
    let named = match actor {
        Actor::Process { uid } => {
            let users = tokio::fs::read_to_string(USERS).await;
            users.ok().and_then(|users| name_of(&users, *uid))
        }
        Actor::Token { .. } => None,
    };
    named.unwrap_or_else(|| actor.to_string())
}

/// The first name that the user list (passwd(5)) has for `uid`.
fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?.parse::<u32>().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_name_where_there_is_one() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# nothing\nalice:x:1000:1000::/home/alice:\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 7), None);
    }
}
