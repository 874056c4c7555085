//! `filter!` with texts that are no filters.

use ferlix_core::filter;

fn main() {
    filter!("(colour=red");
    filter!("(&(colour=red)size>=5)");
    filter!("");
}
