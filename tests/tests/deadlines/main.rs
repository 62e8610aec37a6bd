//! The table of `bare_ws_tests::deadlines`, a module a column or two.

mod core_loops;
