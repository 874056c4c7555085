//! The events of a service: all of them, once, in the order of the changes, by one thread at a time.

use ferlix_loom::{GONE, Registry};
use loom::sync::Arc;
use loom::thread;

#[test]
fn the_events_of_a_service_come_in_the_order_of_its_changes() {
    loom::model(|| {
        let registry = Registry::shared();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let registry = Arc::clone(&registry);
                thread::spawn(move || registry.paint())
            })
            .collect();
        registry.paint();
        for other in others {
            other.join().expect("it does not panic");
        }
        assert_eq!(registry.heard(), [1, 2, 3]);
        assert_eq!(registry.find().0.colours(), [3]);
    });
}

#[test]
fn a_service_ends_once_and_nothing_is_told_after_that() {
    loom::model(|| {
        let registry = Registry::shared();
        registry.paint();
        let other = Arc::clone(&registry);
        let other = thread::spawn(move || other.unregister());
        let own = registry.unregister();
        let theirs = other.join().expect("it does not panic");
        assert!(own != theirs, "one of the two ended it");
        assert_eq!(registry.heard(), [1, GONE]);
    });
}

#[test]
#[should_panic(expected = "out of order")]
fn events_that_are_queued_without_the_lock_come_out_of_order() {
    loom::model(|| {
        let registry = Registry::shared();
        let other = Arc::clone(&registry);
        let other = thread::spawn(move || other.paint_and_queue_late());
        registry.paint_and_queue_late();
        other.join().expect("it does not panic");
        assert_eq!(registry.heard(), [1, 2], "out of order");
    });
}
