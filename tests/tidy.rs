//! The rules of this repository that the compiler does not know.
//!
//! One test a rule, each over the tree as it stands: every file that git tracks or would track.
//! A rule is a function from sources to [`finding::Finding`]s, and each has its own unit tests on
//! small inputs, so that a rule that can't fail is found out here.
//!
//! Where a rule stands in the way of something better, change the rule, and say why in the commit.

#![expect(
    clippy::expect_used,
    reason = "a tree that can't be read is a failed test"
)]

#[path = "tidy/finding.rs"]
mod finding;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/places.rs"]
mod places;
#[path = "tidy/project.rs"]
mod project;
#[path = "tidy/purity.rs"]
mod purity;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/wording.rs"]
mod wording;

use finding::pass;
use tree::Tree;

#[test]
fn a_module_uses_only_those_to_its_left() {
    pass(&layers::check(&Tree::read().rust_in("src/")));
}

#[test]
fn the_core_is_synchronous_and_reads_nothing() {
    pass(&purity::check(&Tree::read().rust_in("src/")));
}

#[test]
fn what_has_one_place_stays_there() {
    pass(&places::check(&Tree::read().rust_in("src/")));
}

#[test]
fn a_file_introduces_itself_and_ends_in_time() {
    pass(&shape::check(&Tree::read().rust()));
}

#[test]
fn sources_hold_nothing_unfinished() {
    pass(&wording::check_unfinished(&Tree::read().rust()));
}

#[test]
fn one_thing_has_one_word() {
    pass(&wording::check_synonyms(&Tree::read().rust_in("src/")));
}

#[test]
fn text_is_visible_and_names_no_machine() {
    pass(&wording::check_text(Tree::read().texts()));
}

#[test]
fn top_level_holds_what_was_agreed() {
    pass(&project::check_top_level(&Tree::read().paths()));
}

#[test]
fn what_the_readme_names_exists() {
    pass(&project::check_readme(&Tree::read()));
}

#[test]
fn the_two_commands_exist() {
    pass(&project::check_commands(&Tree::read()));
}

#[test]
fn library_has_a_glossary_and_the_package_a_change_log() {
    pass(&project::check_documents(&Tree::read()));
}
