//! One async loop a stage, no logic.
