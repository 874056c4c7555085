//! [`Until`]: work that is given up at a deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// Work, and until when it may go on.
    ///
    /// Unlike tokio's `Timeout`, it has a timer only when the work did not end at once, as most calls do: until then it is
    /// small, and nothing is counted for it.
    pub(super) struct Until<F> {
        #[pin]
        work: F,
        deadline: Instant,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

/// The deadline came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLate;

impl<F> Until<F> {
    pub(super) const fn new(work: F, deadline: Instant) -> Self {
        Self {
            work,
            deadline,
            timer: None,
        }
    }
}

impl<F: Future> Future for Until<F> {
    type Output = Result<F::Output, TooLate>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.work.poll(cx) {
            return Poll::Ready(Ok(result));
        }
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(*this.deadline)));
        timer.as_mut().poll(cx).map(|()| Err(TooLate))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_ends_in_time_is_kept_and_what_does_not_is_given_up() {
        let begun = Instant::now();
        let second = begun + Duration::from_secs(1);
        assert_eq!(Until::new(ready(7), begun).await, Ok(7));
        let slow = tokio::time::sleep(Duration::from_millis(999));
        assert_eq!(Until::new(slow, second).await, Ok(()));
        assert_eq!(Until::new(pending::<()>(), second).await, Err(TooLate));
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }
}
