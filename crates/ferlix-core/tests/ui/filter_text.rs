//! `filter!` with a text that is known at run time only.

use ferlix_core::filter;

fn main() {
    let text = "(colour=red)";
    filter!(text);
    filter!();
}
