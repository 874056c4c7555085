//! What a search sees: a change whole or not at all, and what it began with to its end.

use ferlix_loom::{GONE, Registry};
use loom::sync::Arc;
use loom::thread;

#[test]
fn a_search_sees_a_change_whole_and_keeps_what_it_began_with() {
    loom::model(|| {
        let registry = Registry::shared();
        let writer = Arc::clone(&registry);
        let writer = thread::spawn(move || {
            writer.paint();
            writer.unregister();
        });
        let (first, second) = registry.find();
        let seen = first.colours();
        assert_eq!(seen, second.colours(), "half of a change");
        writer.join().expect("it does not panic");
        assert_eq!(first.colours(), seen);
        assert!(registry.find().0.colours().is_empty());
        assert_eq!(registry.heard(), [1, GONE]);
    });
}

#[test]
fn of_two_writers_none_undoes_what_the_other_did() {
    loom::model(|| {
        let registry = Registry::shared();
        let other = Arc::clone(&registry);
        let other = thread::spawn(move || other.register(2, 20));
        registry.register(3, 30);
        other.join().expect("it does not panic");
        let (first, second) = registry.find();
        assert_eq!(
            (first.colours(), second.colours()),
            (vec![20, 30], vec![20, 30])
        );
    });
}

#[test]
#[should_panic(expected = "half of a change")]
fn a_search_that_looks_twice_sees_half_of_a_change() {
    loom::model(|| {
        let registry = Registry::shared();
        let writer = Arc::clone(&registry);
        let writer = thread::spawn(move || writer.paint());
        let (first, second) = registry.find_in_two_looks();
        writer.join().expect("it does not panic");
        assert_eq!(first.colours(), second.colours(), "half of a change");
    });
}
