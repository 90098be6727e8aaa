//! Makes the weights of OptiFormer, and judges them.
