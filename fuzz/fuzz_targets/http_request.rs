#![no_main]
//! See [`ferlix_fuzz_checks::http_request`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferlix_fuzz_checks::http_request(data));
