//! The component model by what it does: a module for each file of iPOPO's own tests of it (`docs/ipopo-tests.md` has the
//! table), written as a user writes components.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conditions;
mod field_callbacks;
mod graphs;
mod hidden_props;
mod ipopo_service;
mod life_cycle;
mod provides;
mod requirements;
mod requires_balanced;
mod requires_best;
mod requires_broadcast;
mod requires_map;
mod requires_multi_spec;
mod requires_varfilter;
mod scale;
mod scopes;
mod support;
mod temporal;
mod validate_component;
mod waiting_list;
