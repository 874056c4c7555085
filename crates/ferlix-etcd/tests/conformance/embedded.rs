//! What only the embedded server does.
