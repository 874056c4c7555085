#![no_main]
//! See [`ferlix_fuzz_checks::shell_line`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferlix_fuzz_checks::shell_line(data));
