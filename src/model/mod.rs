//! The only room with tensors: model files, the network, reloading, optimisation.
