//! Helpers of the end-to-end and cross-language tests.
