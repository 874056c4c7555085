#![no_main]
//! See [`ferlix_fuzz_checks::xmlrpc_response`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferlix_fuzz_checks::xmlrpc_response(data));
