//! Clean stop on SIGINT and SIGTERM, for programs that ask for it.

use super::Framework;

/// Stops the framework at the first signal; a second one ends the process at once, as it would without us.
pub(super) fn stop_on_signals(framework: &Framework) {
    let framework = framework.clone();
    tokio::spawn(async move {
        if let Err(error) = first_signal(&framework).await {
            tracing::error!(%error, "signals cannot be caught: stop the program by its shell");
            return;
        }
        tokio::spawn(async {
            if stop_signal().await.is_ok() {
                tracing::warn!("second signal: ending without a clean stop");
                std::process::exit(130);
            }
        });
        if let Err(error) = framework.stop().await {
            tracing::error!(%error, "the framework did not stop cleanly");
        }
    });
}

/// Waits for a signal, or for the framework to stop by itself.
async fn first_signal(framework: &Framework) -> std::io::Result<()> {
    tokio::select! {
        biased;
        () = framework.stopped() => Ok(()),
        signal = stop_signal() => signal,
    }
}

/// Waits for SIGINT or SIGTERM (elsewhere than on Unix for Ctrl-C): for programs that end by themselves.
///
/// # Errors
/// When signals cannot be caught.
#[cfg(unix)]
pub async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Waits for Ctrl-C (on Unix for SIGINT or SIGTERM): for programs that end by themselves.
///
/// # Errors
/// When signals cannot be caught.
#[cfg(not(unix))]
pub async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
