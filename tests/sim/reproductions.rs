//! Every seed that ever failed, by the name of what was wrong.
