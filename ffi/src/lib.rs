//! The C interface of OptiFormer.
