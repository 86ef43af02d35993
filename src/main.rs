//! The program: everything is in the library.

/// glibc's allocator makes one choice for both: with arenas for each thread, a scan of a million
/// customers holds three times the memory it uses; with one arena, threads wait for each other, and
/// a quarter fewer webhooks are acknowledged a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    zenstripe::cli::main()
}
