//! Prints messages for the person at the terminal. The log goes to standard error instead.

#[expect(clippy::print_stdout, reason = "for the person at the terminal; the log goes to standard error")]
pub fn say(text: &str) {
    println!("{text}");
}
